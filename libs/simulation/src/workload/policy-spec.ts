/**
 * Policies as they are named on a command line: `slo`, `hpa(target=0.7, metric=rps)`, `own` (what the composition says),
 * `./mine.mjs(gain=2)`. Targets are shares of what one instance can do, so that one text fits every component.
 */
import { POLICIES } from '@mitosis/autoscaler/decide';
import { MitosisError, type HpaPolicy, type ScalingPolicy } from '@mitosis/contracts';
import type { TierSeen } from './application.js';

export interface PolicySpec {
  /** As it was written. */
  readonly text: string;
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

/** Commas within parentheses separate options, not policies. */
const splitPolicies = (text: string): readonly string[] =>
  text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');

const fail = (problem: string, remedy: string): never => {
  throw new MitosisError('invalid_input', `--policy: ${problem}; ${remedy}`);
};

export const parsePolicies = (text: string): readonly PolicySpec[] => {
  const specs = splitPolicies(text).map((part): PolicySpec => {
    const match = /^([^()]+?)\s*(?:\(([^()]*)\))?$/.exec(part);
    if (match === null) return fail(`"${part}" is not understood`, 'write for example hpa(target=0.7),slo');
    const options = (match[2] ?? '')
      .split(',')
      .map((option) => option.trim())
      .filter((option) => option !== '')
      .map((option) => {
        const [key = '', value, ...rest] = option.split('=').map((side) => side.trim());
        if (value === undefined || rest.length > 0 || key === '') {
          return fail(`"${option}" in "${part}" is no option`, 'write key=value, for example target=0.7');
        }
        return [key, value] as const;
      });
    return { text: part, name: match[1] ?? '', options: Object.fromEntries(options) };
  });
  return specs.length === 0 ? fail('no policy is named', 'write for example slo,hpa(target=0.7)') : specs;
};

/** Files are named by a path, policies by a word. */
export const isPolicyFile = ({ name }: PolicySpec): boolean => /[/\\]|\.(mjs|js|cjs)$/.test(name);

const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  own: [],
  slo: ['hold', 'concurrency'],
  target: ['target', 'metric'],
  threshold: ['target'],
  hpa: ['target', 'metric', 'down'],
  kpa: ['target'],
  fixed: [],
};

/** Every name that means something already: here, or in a composition. */
export const POLICY_NAMES: readonly string[] = [
  ...new Set([...Object.keys(BUILT_IN), ...Object.keys(POLICIES)]),
].toSorted();

/** Complains of a name or an option that does not exist; before anything is played. */
export const checkSpec = (spec: PolicySpec): void => {
  if (isPolicyFile(spec)) return;
  const known = Object.hasOwn(BUILT_IN, spec.name) ? BUILT_IN[spec.name] : undefined;
  if (known === undefined) {
    return fail(
      `there is no policy "${spec.name}"`,
      `there are ${Object.keys(BUILT_IN).join(', ')}, and files such as ./mine.mjs`,
    );
  }
  for (const [key, value] of Object.entries(spec.options)) {
    if (!known.includes(key)) {
      const has = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
      fail(`policy ${spec.name} has no option "${key}"`, has);
    }
    if (key === 'metric' && value !== 'rps' && value !== 'cpu') {
      fail(`"${value}" is no metric of ${spec.name} here`, 'write metric=rps or metric=cpu');
    }
    if (key !== 'metric' && !(Number(value) > 0)) {
      fail(
        `${key}=${value} of ${spec.name}`,
        'write a number above 0 (targets: a share such as 0.7; times: seconds)',
      );
    }
  }
};

const hpaOf = (metric: 'cpu' | 'rps', value: number, downMs: number): HpaPolicy => ({
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
  down: { windowMs: downMs, select: 'max', limits: [{ by: 'percent', value: 100, periodMs: 15_000 }] },
});

const TARGET = 0.7;

/** The policy of one component. `own`: what the composition says; files are the caller's business. */
export const policyOfSpec = (
  { name, options }: PolicySpec,
  tier: TierSeen,
  own: ScalingPolicy,
): ScalingPolicy => {
  const share = options.target === undefined ? TARGET : Number(options.target);
  const metric = options.metric === 'rps' ? 'rps' : 'cpu';
  const value = share * (metric === 'rps' ? tier.capacity : tier.cpuCores);
  switch (name) {
    case 'slo':
      return {
        kind: 'slo',
        holdMs: Number(options.hold ?? 0) * 1_000,
        ...(options.concurrency === undefined ? {} : { concurrency: Number(options.concurrency) }),
      };
    case 'hpa':
      return hpaOf(metric, value, Number(options.down ?? 300) * 1_000);
    case 'target':
      return { kind: 'target', metric, value, tolerance: 0.1, downWindowMs: 60_000 };
    case 'kpa':
      return {
        kind: 'kpa',
        metric: 'concurrency',
        target: share * tier.concurrency,
        stableWindowMs: 60_000,
        panicWindow: 0.1,
        panicThreshold: 2,
        upRateMax: 1_000,
        downRateMax: 2,
        downDelayMs: 0,
      };
    case 'threshold': {
      const rule = { metric: 'cpu', cooldownMs: 60_000 } as const;
      const above = share * tier.cpuCores;
      return {
        kind: 'threshold',
        rules: [
          { ...rule, comparator: 'above', threshold: above, periodMs: 30_000, change: 1 },
          { ...rule, comparator: 'below', threshold: above / 2, periodMs: 60_000, change: -1 },
        ],
      };
    }
    case 'fixed':
      return { kind: 'fixed' };
    default:
      return own;
  }
};
