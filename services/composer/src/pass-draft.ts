/** What one pass wants committed: writes with the decisions that explain them, and what to tell of it in one line. */
import type { DecisionId, DecisionRecord } from '@mitosis/contracts';
import type { WriteOp } from '@mitosis/coordination';
import { decisionRecord, type DecisionFields, type Stamp } from './decide/records.js';
import type { DecisionIds } from './decision-ids.js';

export class PassDraft {
  readonly writes: WriteOp[] = [];
  /** The keys they write. */
  readonly keys: string[] = [];
  readonly decisions: DecisionRecord[] = [];
  readonly told: string[] = [];

  constructor(
    readonly stamp: Stamp,
    private readonly ids: DecisionIds,
  ) {}

  put(key: string, record: object): void {
    this.keys.push(key);
    this.writes.push({ kind: 'put', key, value: JSON.stringify(record) });
  }

  delete(key: string): void {
    this.keys.push(key);
    this.writes.push({ kind: 'delete', key });
  }

  nextId(): DecisionId {
    return this.ids.next(this.stamp);
  }

  decide(fields: DecisionFields): void {
    this.add(decisionRecord(this.stamp, this.nextId(), fields));
  }

  add(decision: DecisionRecord): void {
    this.decisions.push(decision);
    this.tell(`${decision.applied ? '' : 'advises '}${decision.component} ${decision.change}`.trim());
  }

  tell(news: string): void {
    this.told.push(news);
  }

  get empty(): boolean {
    return this.writes.length + this.decisions.length === 0;
  }
}
