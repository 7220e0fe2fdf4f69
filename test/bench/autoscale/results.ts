/** Finished cells as lines of JSON in a file, so that a long sweep can be stopped, resumed and read while it runs. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { CellResult, Contest, Setting } from './cell.js';

/** What makes a cell, in one text; the options of a policy from the command line are its name's business. */
export const keyOf = (setting: Setting, { policy, knob }: Contest): string =>
  [
    policy,
    knob,
    setting.trace,
    setting.tiers,
    setting.startS,
    setting.seed,
    setting.concurrency,
    setting.percentile,
    setting.hours,
    setting.warm,
    setting.patienceS,
  ].join(' ');

export class Results {
  private readonly done = new Set<string>();

  /** `file`: empty for none. */
  constructor(private readonly file: string) {
    if (file === '' || !existsSync(file)) return;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      // The last line may have been cut off by a kill: its cell is played again.
      if (!line.startsWith('{') || !line.endsWith('}')) continue;
      const row = JSON.parse(line) as Setting & Contest;
      this.done.add(keyOf(row, row));
    }
  }

  has(setting: Setting, contest: Contest): boolean {
    return this.done.has(keyOf(setting, contest));
  }

  add(setting: Setting, { policy, knob }: Contest, result: CellResult): void {
    const line = JSON.stringify({ policy, knob, ...setting, ...result });
    console.log(line);
    if (this.file !== '') appendFileSync(this.file, `${line}\n`);
  }
}
