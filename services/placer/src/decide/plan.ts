/** What a decision of the placer is: records to commit in one fenced transaction. */
import type { DecisionRecord } from '@mitosis/contracts';

export type RecordWrite =
  | { readonly kind: 'put'; readonly key: string; readonly value: unknown }
  | { readonly kind: 'delete'; readonly key: string };

export interface PlacerPlan {
  readonly writes: readonly RecordWrite[];
  /** Revisions of what was seen; 0: absent. */
  readonly compares: readonly { readonly key: string; readonly modRevision: number }[];
  readonly decisions: readonly DecisionRecord[];
  readonly waits: readonly { readonly on: string; readonly reason: string }[];
}
