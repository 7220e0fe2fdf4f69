/** Follows the histories of a host while a run goes on, and finds the first line of a kind after a moment. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { historyDirectory, parseLines, type Stamped } from '@mitosis/history';

/** Entries carry their own time, so looking seldom costs no accuracy; looking often would cost those that are measured. */
const POLL_MS = 150;

export class HistoryTail {
  private readonly offsets = new Map<string, number>();
  private readonly rests = new Map<string, string>();
  private entries: Stamped[] = [];

  constructor(private readonly home: string) {}

  /** Forgets what was seen, so that memory stays bounded over many events. */
  forget(): void {
    this.read();
    this.entries = [];
  }

  async first(what: string, matches: (entry: Stamped) => boolean, boundMs: number): Promise<Stamped> {
    const endMs = performance.now() + boundMs;
    for (;;) {
      this.read();
      const found = this.entries.filter(matches).toSorted((a, b) => a.t - b.t)[0];
      if (found !== undefined) return found;
      if (performance.now() > endMs) throw new Error(`no ${what} within ${boundMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  private read(): void {
    const directory = historyDirectory(this.home);
    for (const name of readdirSync(directory)) {
      if (!name.endsWith('.jsonl')) continue;
      const text = (this.rests.get(name) ?? '') + this.newText(join(directory, name), name);
      const end = text.lastIndexOf('\n') + 1;
      this.rests.set(name, text.slice(end));
      this.entries.push(...parseLines(name, text.slice(0, end)).lines.map(({ entry }) => entry));
    }
  }

  private newText(path: string, name: string): string {
    const offset = this.offsets.get(name) ?? 0;
    const size = statSync(path).size;
    if (size <= offset) return '';
    const buffer = Buffer.alloc(size - offset);
    const file = openSync(path, 'r');
    try {
      readSync(file, buffer, 0, buffer.length, offset);
    } finally {
      closeSync(file);
    }
    this.offsets.set(name, size);
    return buffer.toString();
  }
}
