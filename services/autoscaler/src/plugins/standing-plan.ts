/**
 * A plan stands for some seconds while what it was made of stays: finding the count over all loads that may come is most of
 * what a decision costs, and from one second to the next it is the same.
 */
import type { Plan } from '../decide/slo-plan.js';

/** What a plan was made of, as far as it moves from one second to the next. */
export type Basis = {
  readonly atMs: number;
  /** Instances wanted then. */
  readonly count: number;
  /** Expected requests per second. */
  readonly rate: number;
  /** Requests per second one instance completes. */
  readonly capacity: number;
};

export type StandingPlan = Basis & {
  readonly plan: Plan;
  readonly keep: number | null;
  readonly price: number | null;
};

/** What changes slowly, errors of forecasts and what is late, is taken in this often. */
const STANDS_MS = 3_000;
/** The load has moved when it is another one by this part of an instance, or of itself in a large pool. */
const MOVED_INSTANCE = 0.1;
const MOVED_SHARE = 0.02;
const MOVED_CAPACITY = 0.01;

const hasMoved = (from: number, to: number, by: number): boolean => Math.abs(to - from) > by;

export const stands = (standing: StandingPlan | null, now: Basis): standing is StandingPlan =>
  standing !== null &&
  standing.count === now.count &&
  now.atMs >= standing.atMs &&
  now.atMs - standing.atMs < STANDS_MS &&
  !hasMoved(standing.rate, now.rate, Math.max(MOVED_INSTANCE * now.capacity, MOVED_SHARE * standing.rate)) &&
  !hasMoved(standing.capacity, now.capacity, MOVED_CAPACITY * standing.capacity);
