/**
 * What a scaling policy is. A policy is pure: its state is handed in and out as plain JSON, so that every replica can run
 * it on the same stream and a new leader goes on where the old one was. Whoever adds one writes one file in `plugins/`
 * and one line in its `index.ts`.
 */
import type { ComponentObservation } from './observation.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** Plain JSON: can be kept, sent and compared. */
export type PolicyState = { readonly [key: string]: Json };

/** The copy of a state that one observation is taken into: another one for each thing learned would be a dozen a second. */
export type Draft<State> = { -readonly [K in keyof State]: State[K] };

export interface Recommendation {
  /** Instances wanted, a whole number; bounds are applied outside. */
  readonly count: number;
  /** One sentence, with the figures that led to it. */
  readonly reason: string;
  /** What the policy expects of `count`; null: it makes no prediction. Kept in the decision and compared with what came. */
  readonly predicted: Prediction | null;
  /** What the decision record shows beside the common figures. */
  readonly inputs: Readonly<Record<string, Json>>;
}

export interface Prediction {
  readonly percentile: number;
  readonly ms: number;
}

export interface PolicyStep<State extends PolicyState> {
  readonly state: State;
  readonly recommendation: Recommendation;
}

export interface ScalingPolicyPlugin<Options, State extends PolicyState = PolicyState> {
  /** One line for people. */
  readonly summary: string;
  initial(): State;
  /**
   * Takes one observation in (about one a second, more rarely when the monitor is silent) and says what it wants now.
   * Runs on every replica. Must answer `observation.count` when it does not know better: missing data is no reason to
   * scale in.
   */
  step(
    state: State,
    observation: ComponentObservation,
    options: Options,
    settings: PolicySettings,
  ): PolicyStep<State>;
}

/** Settings of the service that policies share. */
export interface PolicySettings {
  /** Used where the composition names no hold time. */
  readonly holdMs: number;
}

export const hold = (observation: ComponentObservation, why: string): Recommendation => ({
  count: observation.count,
  reason: `keeps ${observation.count}: ${why}`,
  predicted: null,
  inputs: {},
});
