/**
 * The policies of the benchmark. A peer has one knob, the share of an instance's capacity that its target stands for,
 * which is swept: its best value differs from trace to trace and nobody knows it beforehand.
 */
import type { HpaPolicy, ScalingMetric, ScalingPolicy } from '@mitosis/contracts';
import type { TierSeen } from '@mitosis/simulation/workload';

export interface Contender {
  /** Knob values that are swept; [0]: there is none. */
  readonly knobs: readonly number[];
  /** Seconds between two steps: more than one only where the policy itself looks no more often, to save time. */
  readonly everyS: number;
  /** Response times drawn a second: more where a policy reads percentiles. */
  readonly samples: number;
  policy(knob: number, tier: TierSeen): ScalingPolicy;
}

const SHARES = [0.25, 0.33, 0.4, 0.48, 0.55, 0.65, 0.75, 0.85, 0.92];
/** Of the weaker peers fewer are tried. */
const SOME_SHARES = [0.3, 0.5, 0.7];

/** The defaults of autoscaling/v2. */
const hpa = (metric: ScalingMetric, value: number): HpaPolicy => ({
  kind: 'hpa',
  metrics: [{ metric, value }],
  tolerance: 0.1,
  syncMs: 15_000,
  up: {
    windowMs: 0,
    select: 'max',
    limits: [
      { by: 'percent', value: 100, periodMs: 15_000 },
      { by: 'pods', value: 4, periodMs: 15_000 },
    ],
  },
  down: { windowMs: 300_000, select: 'max', limits: [{ by: 'percent', value: 100, periodMs: 15_000 }] },
});

export const CONTENDERS = {
  slo: { knobs: [0], everyS: 1, samples: 16, policy: () => ({ kind: 'slo', holdMs: 0 }) },
  'hpa-rps': {
    knobs: SHARES,
    everyS: 15,
    samples: 8,
    policy: (knob, { capacity }) => hpa('rps', knob * capacity),
  },
  'hpa-cpu': {
    knobs: [0.25, 0.4, 0.6, 0.8],
    everyS: 15,
    samples: 8,
    policy: (knob, { cpuCores }) => hpa('cpu', knob * cpuCores),
  },
  kpa: {
    knobs: [0.25, 0.4, 0.55, 0.7, 0.85],
    everyS: 2,
    samples: 8,
    policy: (knob, { concurrency }) => ({
      kind: 'kpa',
      metric: 'concurrency',
      target: knob * concurrency,
      stableWindowMs: 60_000,
      panicWindow: 0.1,
      panicThreshold: 2,
      upRateMax: 1_000,
      downRateMax: 2,
      downDelayMs: 0,
    }),
  },
  target: {
    everyS: 5,
    samples: 8,
    knobs: SOME_SHARES,
    policy: (knob, { capacity }) => ({
      kind: 'target',
      metric: 'rps',
      value: knob * capacity,
      tolerance: 0.1,
      downWindowMs: 300_000,
    }),
  },
  threshold: {
    everyS: 5,
    samples: 8,
    knobs: SOME_SHARES,
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
