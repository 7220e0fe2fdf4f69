/**
 * A bounded append-only file of what a process did. Writing is never waited for by what it tells of, except where a
 * caller asks (`written`), and then within a bound; a full or dead disk loses lines and says so, it stops nobody.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { HistoryEntry, OpenEntry } from './decide/record.js';

export interface JournalOptions {
  /** Created when missing. */
  readonly directory: string;
  readonly party: OpenEntry['party'];
  /** Unique among the parties of a host, e.g. `shop~mitosis-manager-1a2b`. */
  readonly name: string;
  readonly maxBytes?: number;
  readonly nowMs?: () => number;
}

/** The present file and the one before it are kept. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Of all parties of a host together; the oldest go first. */
const DIRECTORY_MAX_BYTES = 128 * 1024 * 1024;
const PENDING_MAX = 10_000;
/** Appending to a file takes a fraction of a millisecond; nobody waits longer than this for a bad disk. */
const WRITTEN_MS = 100;

export const historyDirectory = (home: string): string => join(home, 'history');

/** Milliseconds since boot: one clock for all processes of a machine. */
const machineMs = (): number => Math.round(Number(process.hrtime.bigint()) / 1e3) / 1e3;

export class Journal {
  private readonly path: string;
  private pending: string[] = [];
  private writing: Promise<void> | undefined;
  private handle: FileHandle | undefined;
  private bytes = 0;
  private part = 1;
  private lost = 0;
  private closed = false;

  constructor(private readonly options: JournalOptions) {
    this.path = join(options.directory, `${options.name}.jsonl`);
    try {
      mkdirSync(options.directory, { recursive: true, mode: 0o700 });
      prune(options.directory, this.path);
      this.part = lastPart(this.path);
    } catch {
      // Told by the lines that get lost.
    }
    this.opened();
  }

  record(entry: HistoryEntry): void {
    if (this.closed) return;
    if (this.pending.length >= PENDING_MAX) {
      this.lost += 1;
      return;
    }
    this.pending.push(this.line(entry));
    this.writing ??= this.drain();
  }

  /** Resolves when everything recorded so far is with the kernel (it outlives this process), or could not be written. */
  async written(): Promise<void> {
    if (this.writing === undefined) return;
    let bound: NodeJS.Timeout | undefined;
    await Promise.race([
      this.writing,
      new Promise<void>((resolve) => {
        bound = setTimeout(resolve, WRITTEN_MS);
      }),
    ]);
    clearTimeout(bound);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.written();
    await this.handle?.close().catch(() => undefined);
    this.handle = undefined;
  }

  private line(entry: HistoryEntry): string {
    return `${JSON.stringify({ t: machineMs(), at: (this.options.nowMs ?? Date.now)(), ...entry })}\n`;
  }

  private opened(): void {
    const { party, name } = this.options;
    this.record({ k: 'open', party, name, pid: process.pid, part: this.part });
  }

  private async drain(): Promise<void> {
    // Lines of one turn of the event loop become one write.
    await Promise.resolve();
    while (this.pending.length > 0) {
      const batch = this.pending;
      this.pending = [];
      try {
        await this.append(batch.join(''));
        if (this.lost > 0) {
          this.pending.unshift(this.line({ k: 'lost', lines: this.lost }));
          this.lost = 0;
        }
      } catch {
        this.lost += batch.length;
        await this.handle?.close().catch(() => undefined);
        this.handle = undefined;
      }
    }
    this.writing = undefined;
  }

  private async append(text: string): Promise<void> {
    if (this.handle === undefined) await this.openFile();
    await this.handle?.write(text);
    this.bytes += Buffer.byteLength(text);
    if (this.bytes > (this.options.maxBytes ?? MAX_BYTES)) await this.rotate();
  }

  private async openFile(): Promise<void> {
    this.handle = await open(this.path, 'a', 0o600);
    this.bytes = (await this.handle.stat()).size;
    // The last line of a killed predecessor may be torn.
    if (this.bytes > 0) await this.handle.write('\n');
  }

  private async rotate(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
    renameSync(this.path, `${this.path}.1`);
    this.part += 1;
    const { party, name } = this.options;
    this.pending.unshift(this.line({ k: 'open', party, name, pid: process.pid, part: this.part }));
  }
}

/** Which part the present file is; a predecessor may have begun several. */
const lastPart = (path: string): number => {
  try {
    const first = readFileSync(path, 'utf8').split('\n', 1)[0] ?? '';
    const { part } = JSON.parse(first) as Partial<OpenEntry>;
    return part ?? 1;
  } catch {
    return 1;
  }
};

const prune = (directory: string, own: string): void => {
  const files = readdirSync(directory)
    .map((name) => join(directory, name))
    .filter((path) => path !== own)
    .map((path) => ({ path, stat: statSync(path) }))
    .sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs);
  let total = 0;
  for (const { path, stat } of files) {
    total += stat.size;
    if (total > DIRECTORY_MAX_BYTES) rmSync(path, { force: true });
  }
};
