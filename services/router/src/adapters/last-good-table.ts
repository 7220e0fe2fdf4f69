/**
 * The last good table on disk, so that a router that starts while etcd is away still serves. Written beside and renamed
 * over, at most a few times a second; a file that cannot be read is the same as none.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@mitosis/service-kit';
import { NO_INPUTS, type TableInputs } from '../decide/table.js';

/** Where a router keeps its last good table; the simulation keeps it on a simulated disk. */
export interface TableMemory {
  /** Undefined when there is none, or none that can be used. */
  load(): Promise<TableInputs | undefined>;
  save(inputs: TableInputs): void;
  /** Writes what is pending now. */
  flush(): Promise<void>;
}

const FILE = 'last-good-table.json';
const DEBOUNCE_MS = 200;

export class LastGoodTable implements TableMemory {
  private readonly path: string;
  private pending: TableInputs | undefined;
  private written = '';
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly directory: string,
    private readonly level: string,
    private readonly log: Logger,
  ) {
    this.path = join(directory, FILE);
  }

  async load(): Promise<TableInputs | undefined> {
    try {
      const stored = JSON.parse(await readFile(this.path, 'utf8')) as Partial<Stored>;
      if (stored.v !== 1 || stored.level !== this.level || stored.inputs?.v !== 1) return undefined;
      // A field that an older release did not write is empty, not missing.
      return { ...NO_INPUTS, ...stored.inputs };
    } catch (err) {
      if (!isMissing(err)) this.log.warn({ err, path: this.path }, 'the last good table cannot be read');
      return undefined;
    }
  }

  save(inputs: TableInputs): void {
    this.pending = inputs;
    // The first of a burst at once: a router may be killed as soon as it serves.
    if (this.timer === undefined) this.write();
  }

  async flush(): Promise<void> {
    this.write();
    clearTimeout(this.timer);
    await this.writing;
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const inputs = this.pending;
    this.pending = undefined;
    if (!inputs) return;
    this.timer = setTimeout(() => this.write(), DEBOUNCE_MS);
    this.timer.unref();
    const text = JSON.stringify({ v: 1, level: this.level, inputs } satisfies Stored);
    if (text === this.written) return;
    this.writing = this.writing
      .then(() => this.replace(text))
      .then(
        () => void (this.written = text),
        (err: unknown) => this.log.warn({ err, path: this.path }, 'the last good table cannot be written'),
      );
  }

  private async replace(text: string): Promise<void> {
    const beside = `${this.path}.new`;
    await mkdir(this.directory, { recursive: true });
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(text);
      // Else a crash of the host may leave the new name with nothing in it.
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, this.path);
  }
}

interface Stored {
  readonly v: 1;
  readonly level: string;
  readonly inputs: TableInputs;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
