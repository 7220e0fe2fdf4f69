/**
 * The output of an instance: one file it appends to, a few older generations, together bounded. The instance keeps its
 * descriptor, so rotation copies and truncates; what is written between the two is lost, which is stated rather than
 * hidden.
 */
import { closeSync, createReadStream, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { copyFile, rename, stat, truncate } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { logPath } from './shim.js';

const GENERATIONS = 3;
const BLOCK = 64 * 1024;
/** Lines of more than this on average are cut from the beginning of a tail. */
const TAIL_BYTES_MAX = 4 * 1024 * 1024;

const generation = (dir: string, n: number): string => (n === 0 ? logPath(dir) : `${logPath(dir)}.${n}`);

/** Keeps everything of one instance within about `maxBytes`. Returns true when it rotated. */
export const rotateLog = async (dir: string, maxBytes: number): Promise<boolean> => {
  const size = await sizeOf(logPath(dir));
  if (size <= maxBytes / (GENERATIONS + 1)) return false;
  for (let n = GENERATIONS - 1; n > 0; n -= 1) {
    if (existsSync(generation(dir, n))) await rename(generation(dir, n), generation(dir, n + 1));
  }
  await copyFile(logPath(dir), generation(dir, 1));
  await truncate(logPath(dir), 0);
  return true;
};

const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
};

/** The last `lines` lines over all generations; `size` is how far the current file was read. */
export const tailLog = (dir: string, lines: number): { readonly text: string; readonly size: number } => {
  let text = '';
  let size = 0;
  for (let n = 0; n <= GENERATIONS; n += 1) {
    const read = tailFile(generation(dir, n), lines - countLines(text));
    if (n === 0) size = read.size;
    text = read.text + text;
    if (countLines(text) >= lines || text.length >= TAIL_BYTES_MAX) break;
  }
  return { text, size };
};

const countLines = (text: string): number => {
  let count = text === '' || text.endsWith('\n') ? 0 : 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
};

const tailFile = (path: string, lines: number): { readonly text: string; readonly size: number } => {
  if (!existsSync(path)) return { text: '', size: 0 };
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (lines <= 0) return { text: '', size };
    let bytes = Buffer.alloc(0);
    for (let start = size; start > 0 && bytes.length < TAIL_BYTES_MAX;) {
      const length = Math.min(BLOCK, start);
      start -= length;
      const block = Buffer.alloc(length);
      readSync(file, block, 0, length, start);
      bytes = Buffer.concat([block, bytes]);
      const cut = startOfLastLines(bytes, lines);
      if (cut >= 0) return { text: bytes.toString('utf8', cut), size };
    }
    return { text: bytes.toString('utf8'), size };
  } finally {
    closeSync(file);
  }
};

/** Offset at which the last `lines` lines begin; -1 when there are fewer. */
const startOfLastLines = (bytes: Buffer, lines: number): number => {
  let found = 0;
  for (let at = bytes.length - 2; at >= 0; at -= 1) {
    if (bytes[at] !== 10) continue;
    found += 1;
    if (found === lines) return at + 1;
  }
  return -1;
};

/**
 * What is appended after `offset`, in pieces of at most 64 KiB. Knows of truncation. `onText` may return a promise: the
 * next piece is read when it has settled, so a slow reader costs no memory. Looks every `everyMs` until the signal aborts
 * or `isOver` says that nothing will come any more.
 */
export const followLog = async (
  dir: string,
  offset: number,
  options: {
    readonly everyMs: number;
    readonly signal: AbortSignal;
    readonly isOver: () => boolean;
    readonly onText: (text: string) => Promise<void> | void;
  },
): Promise<void> => {
  const decoder = new StringDecoder('utf8');
  let at = offset;
  while (!options.signal.aborted) {
    const last = options.isOver();
    const size = await sizeOf(logPath(dir));
    if (size < at) at = 0;
    if (size > at) {
      for await (const block of createReadStream(logPath(dir), {
        start: at,
        end: size - 1,
        highWaterMark: BLOCK,
      })) {
        const text = decoder.write(block as Buffer);
        at += (block as Buffer).length;
        if (text !== '') await options.onText(text);
        if (options.signal.aborted) return;
      }
    } else if (last) return;
    else await pause(options.everyMs, options.signal);
  }
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
