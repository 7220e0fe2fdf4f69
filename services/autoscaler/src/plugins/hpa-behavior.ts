/**
 * The second half of Kubernetes' HorizontalPodAutoscaler: what of a recommendation may be done now. Stabilisation windows
 * and change limits as in `normalizeDesiredReplicasWithBehaviors` of its controller, so that a user's `behavior` section
 * means here what it means there.
 */
import type { HpaBehavior, HpaPolicy } from '@mitosis/contracts';

/** [time, recommendation or change] */
export type Timed = readonly (readonly [number, number])[];

export interface History {
  readonly recommendations: Timed;
  /** Instances added and removed, both as positive numbers. */
  readonly added: Timed;
  readonly removed: Timed;
}

const since = (entries: Timed, nowMs: number, windowMs: number): readonly number[] =>
  entries.filter(([atMs]) => nowMs - atMs < windowMs).map(([, value]) => value);

const sumSince = (entries: Timed, nowMs: number, periodMs: number): number =>
  since(entries, nowMs, periodMs).reduce((sum, value) => sum + value, 0);

/** Up to the lowest recommendation of the up window, down to the highest of the down window. */
export const stabilise = (
  history: History,
  nowMs: number,
  count: number,
  recommended: number,
  { up, down }: Pick<HpaPolicy, 'up' | 'down'>,
): number => {
  const lowest = Math.min(recommended, ...since(history.recommendations, nowMs, up.windowMs));
  const highest = Math.max(recommended, ...since(history.recommendations, nowMs, down.windowMs));
  return Math.min(Math.max(count, lowest), highest);
};

/** Most instances the limits allow now. */
export const limitUp = (history: History, nowMs: number, count: number, up: HpaBehavior): number => {
  if (up.select === 'disabled') return count;
  const limits = up.limits.map(({ by, value, periodMs }) => {
    const begun =
      count - sumSince(history.added, nowMs, periodMs) + sumSince(history.removed, nowMs, periodMs);
    return by === 'pods' ? begun + value : Math.ceil(begun * (1 + value / 100));
  });
  const limit = up.select === 'max' ? Math.max(...limits) : Math.min(...limits);
  return Number.isFinite(limit) ? Math.max(count, limit) : count;
};

/** Fewest instances the limits allow now. */
export const limitDown = (history: History, nowMs: number, count: number, down: HpaBehavior): number => {
  if (down.select === 'disabled') return count;
  const limits = down.limits.map(({ by, value, periodMs }) => {
    const begun =
      count - sumSince(history.added, nowMs, periodMs) + sumSince(history.removed, nowMs, periodMs);
    return by === 'pods' ? begun - value : Math.trunc(begun * (1 - value / 100));
  });
  const limit = down.select === 'max' ? Math.min(...limits) : Math.max(...limits);
  return Number.isFinite(limit) ? Math.min(count, Math.max(0, limit)) : count;
};
