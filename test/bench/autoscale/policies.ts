/**
 * The policies of the benchmark. A peer has one knob, the share of an instance's capacity that its target stands for,
 * which is swept: its best value differs from trace to trace and nobody knows it beforehand.
 */
import type { ScalingPolicy } from '@mitosis/contracts';
import type { TierSeen } from '@mitosis/simulation/workload';

export interface Contender {
  /** Knob values that are swept; [0]: there is none. */
  readonly knobs: readonly number[];
  policy(knob: number, tier: TierSeen): ScalingPolicy;
}

const SHARES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

export const CONTENDERS = {
  slo: { knobs: [0], policy: () => ({ kind: 'slo', holdMs: 0 }) },
  target: {
    knobs: SHARES,
    policy: (knob, { capacity }) => ({
      kind: 'target',
      metric: 'rps',
      value: knob * capacity,
      tolerance: 0.1,
      downWindowMs: 300_000,
    }),
  },
  threshold: {
    knobs: SHARES,
    policy: (knob, { cpuCores }) => ({
      kind: 'threshold',
      rules: [
        {
          metric: 'cpu',
          comparator: 'above',
          threshold: knob * cpuCores,
          periodMs: 15_000,
          change: 2,
          cooldownMs: 60_000,
        },
        {
          metric: 'cpu',
          comparator: 'below',
          threshold: (knob / 2) * cpuCores,
          periodMs: 60_000,
          change: -1,
          cooldownMs: 60_000,
        },
      ],
    }),
  },
} as const satisfies Readonly<Record<string, Contender>>;

export type ContenderName = keyof typeof CONTENDERS;

export const isContender = (name: string): name is ContenderName => Object.hasOwn(CONTENDERS, name);
