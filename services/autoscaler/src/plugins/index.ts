/**
 * Every scaling policy, one line each; the names a composition may use are the keys. A new policy is one file beside
 * this one and one line here (and its options in contracts' `ScalingPolicy`); the contract test loops over the record.
 */
import type { ScalingPolicy } from '@mitosis/contracts';
import type { ScalingPolicyPlugin } from '../decide/policy.js';
import { combineOf } from './combine.policy.js';
import { external } from './external.policy.js';
import { fixed } from './fixed.policy.js';
import { hpa } from './hpa.policy.js';
import { kpa } from './kpa.policy.js';
import { schedule } from './schedule.policy.js';
import { slo } from './slo.policy.js';
import { target } from './target.policy.js';
import { threshold } from './threshold.policy.js';

export const POLICIES = {
  combine: combineOf((policy) => pluginFor(policy)),
  external,
  fixed,
  hpa,
  kpa,
  schedule,
  slo,
  target,
  threshold,
} as const satisfies {
  readonly [K in ScalingPolicy['kind']]: ScalingPolicyPlugin<Extract<ScalingPolicy, { kind: K }>>;
};

/** The plug-in of a policy. It may be handed this policy's options and states of its own making only. */
export const pluginFor = (policy: ScalingPolicy): ScalingPolicyPlugin<ScalingPolicy> => POLICIES[policy.kind];
