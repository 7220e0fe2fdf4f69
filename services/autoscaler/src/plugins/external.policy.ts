/**
 * `external`: what a gRPC service of the user's own says (`ExternalPolicy` in policy.proto). The asking is done by the
 * shell; this takes the last answer in. An answer that is too old, or none, keeps the count: a silent adviser changes
 * nothing.
 */
import type { ScalingPolicy } from '@mitosis/contracts';
import { hold, type ScalingPolicyPlugin } from '../decide/policy.js';

type Options = Extract<ScalingPolicy, { kind: 'external' }>;

/** Asked once a second with a deadline of one second: this many seconds without an answer is silence. */
const ANSWER_AGE_MAX_MS = 10_000;

export const external = {
  summary: 'asks a gRPC service of your own, and keeps the count while it is silent',
  initial: () => ({}),
  step: (state, observation, { address }) => {
    const answer = observation.external[address];
    if (answer === undefined) {
      return { state, recommendation: hold(observation, `${address} has not answered yet`) };
    }
    const ageMs = observation.nowMs - answer.atMs;
    if (ageMs > ANSWER_AGE_MAX_MS) {
      const why = `${address} has been silent for ${Math.round(ageMs / 1_000)} s`;
      return { state, recommendation: hold(observation, why) };
    }
    return {
      state,
      recommendation: {
        count: answer.count,
        reason: `${address}: ${answer.reason === '' ? 'gives no reason' : answer.reason}`,
        predicted: answer.predicted,
        inputs: { answerAgeMs: ageMs },
      },
    };
  },
} satisfies ScalingPolicyPlugin<Options>;
