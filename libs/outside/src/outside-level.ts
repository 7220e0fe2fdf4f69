/**
 * The outside file as it is now: read at the start, and again when it or a file it leads to has changed. Must never let a
 * mistake in a later version take away what was right before.
 */
import { readFileSync } from 'node:fs';
import { MitosisError, type LevelId, type SpecRecord } from '@mitosis/contracts';
import { every, type Clock } from '@mitosis/coordination';
import { readOutside, type Outside } from './outside-file.js';

export interface OutsideLevelOptions {
  readonly file: string;
  readonly level: LevelId;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly nowMs: () => number;
  /** A changed file that cannot be taken. */
  readonly onMistake: (message: string) => void;
}

const LOOK_MS = 1_000;

export class OutsideLevel {
  private texts = new Map<string, string | undefined>();
  private known: Outside;
  private record: SpecRecord;
  private readonly listeners = new Set<() => void>();
  private readonly end: () => void;

  /** Throws MitosisError `invalid_input` when the file is wrong. */
  constructor(private readonly options: OutsideLevelOptions) {
    this.known = this.read();
    this.record = this.specOf(1);
    this.end = every(options.clock, LOOK_MS, () => this.look());
  }

  get now(): Outside {
    return this.known;
  }

  /** As the composer would have it; the generation counts versions of the file since this process began. */
  get spec(): SpecRecord {
    return this.record;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.end();
    this.listeners.clear();
  }

  private look(): void {
    if ([...this.texts].every(([path, text]) => textOf(path) === text)) return;
    try {
      this.known = this.read();
    } catch (error) {
      if (!(error instanceof MitosisError)) throw error;
      this.options.onMistake(error.message);
      return;
    }
    this.record = this.specOf(this.record.generation + 1);
    for (const listener of this.listeners) listener();
  }

  private read(): Outside {
    const { file, level, env } = this.options;
    const seen = new Map<string, string | undefined>();
    this.texts = seen;
    const set = Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    );
    const read = (path: string): string | undefined => {
      const text = textOf(path);
      seen.set(path, text);
      return text;
    };
    return readOutside(file, level, read, set);
  }

  private specOf(generation: number): SpecRecord {
    const { typeGraph } = this.known;
    return { v: 1, generation, phase: 'operating', typeGraph, appliedAtMs: this.options.nowMs() };
  }
}

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};
