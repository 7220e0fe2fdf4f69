/** One request as its client saw it. */

export type Outcome =
  /** answered below 500 */
  | 'ok'
  /** answered 500 or above */
  | 'error'
  /** the connection broke or was refused, also at the retry */
  | 'unreachable'
  | 'timeout';

export interface Sample {
  /** When it was meant to be sent, wall clock. */
  readonly atMs: number;
  /** From when it was meant to be sent to the end of the answer. */
  readonly latencyMs: number;
  readonly kind: number;
  readonly outcome: Outcome;
  readonly status: number;
  /** A connection error at the first try. */
  readonly firstTry: '' | 'refused' | 'reset';
  /** The answer says that a part was missing (`x-degraded`). */
  readonly degraded: boolean;
  /** Which alternative answered, where the answer says so (`x-provider`). */
  readonly provider: string;
}

export const isFailed = (sample: Sample): boolean => sample.outcome !== 'ok';
