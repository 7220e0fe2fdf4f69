/** `fixed`: the count the composition says. For components that people scale by hand. */
import type { ScalingPolicy } from '@mitosis/contracts';
import type { ScalingPolicyPlugin } from '../decide/policy.js';

type Options = Extract<ScalingPolicy, { kind: 'fixed' }>;

export const fixed = {
  summary: 'keeps the initial count',
  initial: () => ({}),
  step: (state, { scale }) => ({
    state,
    recommendation: {
      count: scale.initial,
      reason: `the composition fixes it at ${scale.initial}`,
      predicted: null,
      inputs: {},
    },
  }),
} satisfies ScalingPolicyPlugin<Options>;
