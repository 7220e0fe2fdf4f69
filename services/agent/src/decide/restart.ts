/** When a management instance that ended is started again in place: at once, then later and later, anew after it was well. */
import type { agent } from '@mitosis/contracts';

export interface RestartInput {
  readonly restart: agent.RestartInPlace | undefined;
  /** Ends in a row so far, without this one. */
  readonly failures: number;
  /** How long the run that ended had been healthy; 0: never. */
  readonly healthyForMs: number;
}

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly failures: number; readonly reason: string }
  | { readonly kind: 'stay'; readonly reason: string };

export const decideRestart = ({ restart, failures, healthyForMs }: RestartInput): RestartDecision => {
  if (restart === undefined || !restart.enabled) return { kind: 'stay', reason: 'its exit is only reported' };
  const settled = healthyForMs >= restart.resetAfterMs;
  const inRow = settled ? 1 : failures + 1;
  const minMs = Math.max(1, restart.backoffMinMs);
  const delayMs = Math.min(Math.max(minMs, restart.backoffMaxMs), minMs * 2 ** Math.min(inRow - 1, 30));
  return {
    kind: 'restart',
    delayMs,
    failures: inRow,
    reason: `starts again in ${delayMs} ms${inRow > 1 ? ` (${inRow} ends in a row)` : ''}`,
  };
};
