/**
 * Brings a container's output into the log file of its instance, where it is kept like any other's and outlives the
 * container. After a gap it goes on from the last line it has. Reads no faster than it writes.
 */
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { logPath, runDirectory } from '../process/shim.js';
import type { EngineClient } from './engine-client.js';
import { EngineError } from './engine-client.js';
import { pause } from './engine-watch.js';

const RETRY_MS = 500;
const REMEMBER_EVERY_MS = 1_000;
const HEADER = 8;

export interface LogFollowerOptions {
  readonly client: EngineClient;
  readonly container: string;
  readonly dir: string;
  readonly run: number;
  readonly tty: boolean;
}

export class LogFollower {
  private readonly ending = new AbortController();
  private readonly finished: Promise<void>;
  private last: string;
  private over = false;
  private rememberedAtMs = 0;

  constructor(private readonly options: LogFollowerOptions) {
    this.last = this.remembered();
    this.finished = this.follow();
  }

  /** The container has ended: resolves when its last output is written, or after the bound. */
  async finish(boundMs: number): Promise<void> {
    this.over = true;
    const timer = setTimeout(() => this.ending.abort(), boundMs);
    await this.finished;
    clearTimeout(timer);
  }

  close(): void {
    this.ending.abort();
  }

  private async follow(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      const ended = this.over;
      try {
        await this.followOnce();
      } catch (error) {
        if (error instanceof EngineError && error.status === 404) break;
        if (error instanceof EngineError && error.status >= 400) {
          this.note(`the engine gives no output: ${error.message}`);
          break;
        }
      }
      // One more look after the end, for what the engine had not handed out yet.
      if (ended) break;
      if (!this.over) await pause(RETRY_MS, signal);
    }
    this.remember();
  }

  private async followOnce(): Promise<void> {
    const { client, container, dir, tty } = this.options;
    const response = await client.stream('GET', `/containers/${container}/logs`, {
      query: {
        follow: '1',
        stdout: '1',
        stderr: '1',
        timestamps: tty ? '0' : '1',
        ...(this.last === '' ? {} : { since: afterStamp(this.last) }),
      },
      signal: this.ending.signal,
    });
    const file = createWriteStream(logPath(dir), { flags: 'a', mode: 0o600 });
    file.on('error', () => response.destroy());
    try {
      for await (const text of tty ? this.plain(response) : this.lines(response)) {
        if (!file.write(text)) await new Promise<void>((resolve) => file.once('drain', resolve));
        if (Date.now() - this.rememberedAtMs > REMEMBER_EVERY_MS) this.remember();
      }
    } finally {
      await new Promise<void>((resolve) => file.end(resolve));
    }
  }

  /** With a terminal there are no frames and no time stamps within them: only the time of reading is known. */
  private async *plain(response: IncomingMessage): AsyncGenerator<Buffer> {
    for await (const chunk of response) {
      this.last = new Date().toISOString();
      yield chunk as Buffer;
    }
  }

  /** `[stream, 0, 0, 0, length (32 bit)] time stamp, space, line`. */
  private async *lines(response: IncomingMessage): AsyncGenerator<Buffer> {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of response) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      while (rest.length >= HEADER) {
        const length = rest.readUInt32BE(4);
        if (rest.length < HEADER + length) break;
        const frame = rest.subarray(HEADER, HEADER + length);
        rest = rest.subarray(HEADER + length);
        const space = frame.indexOf(32);
        if (space > 0) this.last = frame.toString('latin1', 0, space);
        yield frame.subarray(space + 1);
      }
    }
  }

  private note(text: string): void {
    writeFileSync(logPath(this.options.dir), `mitosis: ${text}\n`, { flag: 'a' });
  }

  private path(): string {
    return join(runDirectory(this.options.dir), `${this.options.run}.log-since`);
  }

  private remembered(): string {
    try {
      return readFileSync(this.path(), 'utf8').trim();
    } catch {
      return '';
    }
  }

  private remember(): void {
    this.rememberedAtMs = Date.now();
    try {
      if (this.last !== '') writeFileSync(this.path(), this.last);
    } catch {
      // The directory is being removed.
    }
  }
}

/** `2026-01-01T00:00:00.000000005Z` → seconds, one nanosecond later: what was read is not read again. */
export const afterStamp = (stamp: string): string => {
  const [, whole = '', fraction = ''] = /^([^.Z]+)(?:\.(\d+))?Z?$/.exec(stamp) ?? [];
  const seconds = Math.floor(Date.parse(`${whole}Z`) / 1_000);
  const nanos = Number(fraction.padEnd(9, '0').slice(0, 9)) + 1;
  return nanos >= 1e9 ? `${seconds + 1}.000000000` : `${seconds}.${String(nanos).padStart(9, '0')}`;
};
