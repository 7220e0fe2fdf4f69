/**
 * Several policies on the same load, side by side, each against what hindsight would have run. What `mitosis simulate`
 * shows; pure, so that a page, a table and a test read the same figures.
 */
import type { ScalingPolicy, TypeGraph } from '@mitosis/contracts';
import { pluginFor, type ScalingPolicyPlugin } from '@mitosis/autoscaler/decide';
import type { Application } from './application.js';
import { clairvoyantFor, demandOf, type Clairvoyant } from './clairvoyant.js';
import { elasticityOf, type Elasticity } from './elasticity.js';
import { RUN_DEFAULTS, runLevel, type RunResult, type StepSeen } from './level-run.js';
import { policyOfSpec, type PolicySpec } from './policy-spec.js';
import { traceSeconds, type Trace } from './trace.js';
import { applicationOf, tiersSeen, type Traits } from './traits.js';

export interface Contender {
  readonly spec: PolicySpec;
  /** Of a user's own policy; undefined: one of the built-in ones. */
  readonly plugin?: ScalingPolicyPlugin<Readonly<Record<string, string>>>;
}

export interface CompareOptions {
  readonly typeGraph: TypeGraph;
  readonly traits: Traits;
  readonly trace: Trace;
  readonly contenders: readonly Contender[];
  readonly seed: number;
  /** Late requests the clairvoyant allows itself, 0..1. */
  readonly lateShare: number;
  /** Per instance and hour; 0: cost is counted in instance-hours. */
  readonly pricePerHour: number;
  /** Longest step of virtual time while nothing happens, in seconds. */
  readonly longestS: number;
}

/** Points of a plot; times in seconds from the beginning. */
export interface Series {
  readonly atS: readonly number[];
  readonly rate: readonly number[];
}

export interface PolicyOutcome {
  readonly policy: string;
  /** Per cent of the requests, and of the seconds in which more than one in a hundred was late. */
  readonly latePercent: number;
  readonly lateTimePercent: number;
  readonly instanceHours: number;
  readonly cost: number;
  /** Instance-hours above those of the clairvoyant, and their ratio. */
  readonly regretHours: number;
  readonly regret: number;
  readonly elasticity: Elasticity;
  readonly actionsPerHour: number;
  readonly startsPerHour: number;
  readonly decisions: number;
  readonly instances: readonly number[];
  readonly p95Ms: readonly number[];
  readonly latePercentOverTime: readonly number[];
}

export interface Comparison {
  readonly trace: string;
  readonly seconds: number;
  /** Longest step of virtual time, in seconds. */
  readonly longestS: number;
  readonly requests: number;
  readonly objectiveMs: number;
  /** Of an instance and hour; 0: none was named, and costs are instance-hours. */
  readonly pricePerHour: number;
  readonly components: readonly string[];
  readonly series: Series;
  readonly clairvoyant: {
    readonly instanceHours: number;
    readonly latePercent: number;
    readonly instances: readonly number[];
  };
  readonly policies: readonly PolicyOutcome[];
}

/** Loads of up to three days are played second by second, of longer ones in bins up to half a minute at once. */
const LONG_S = 3 * 86_400;
const LONG_STEP_S = 30;

/** The longest step for a trace, where nobody wishes another one. */
export const usualStepS = (trace: Trace): number =>
  trace.binS > 1 && traceSeconds(trace) > LONG_S ? LONG_STEP_S : 1;

const POINTS = 720;

const pointsEveryS = (trace: Trace): number => Math.max(1, Math.ceil(traceSeconds(trace) / POINTS));

/** The policy of a user's own file goes by its path; production knows no such kind, so it is handed in beside it. */
const policyFor = (contender: Contender, application: Application, name: string): ScalingPolicy => {
  const own = application.typeGraph.components[name]?.policy ?? { kind: 'fixed' };
  const tier = tiersSeen(application)[name];
  if (contender.plugin !== undefined) {
    return { ...contender.spec.options, kind: contender.spec.name } as unknown as ScalingPolicy;
  }
  return tier === undefined ? own : policyOfSpec(contender.spec, tier, own);
};

const withPolicy = (application: Application, contender: Contender): Application => ({
  ...application,
  typeGraph: {
    ...application.typeGraph,
    components: Object.fromEntries(
      Object.entries(application.typeGraph.components).map(([name, component]) => {
        const pooled = application.components.some((one) => one.name === name && one.pooled);
        return [name, pooled ? { ...component, policy: policyFor(contender, application, name) } : component];
      }),
    ),
  },
});

/** Points of the plots; a long step may be several of them. */
class Sampler {
  readonly instances: number[] = [];
  readonly p95Ms: number[] = [];
  readonly late: number[] = [];
  private lateSum = 0;
  private answered = 0;
  private next = 0;

  constructor(private readonly everyS: number) {}

  readonly watch = (seen: StepSeen): void => {
    this.lateSum += seen.late;
    this.answered += seen.answered;
    const end = seen.second + seen.seconds;
    if (end <= this.next) return;
    const pools = seen.tiers.filter(({ component }) => component.pooled);
    const ready = pools.reduce((sum, { pool }) => sum + pool.ready, 0);
    const window = seen.tiers[0]?.metrics().requests;
    const p95Ms = (this.everyS >= 30 ? window?.last60?.p95Ms : window?.last10?.p95Ms) ?? 0;
    const late = this.answered > 0 ? Math.min(100, (100 * this.lateSum) / this.answered) : 0;
    for (; this.next < end; this.next += this.everyS) {
      this.instances.push(ready);
      this.p95Ms.push(p95Ms);
      this.late.push(late);
    }
    this.lateSum = 0;
    this.answered = 0;
  };
}

const decidesEveryS = ({ spec, plugin }: Contender): number =>
  plugin === undefined && spec.name === 'hpa' ? 15 : 1;

/** One policy's run and the points of its plots. */
export interface Played {
  readonly run: RunResult;
  readonly instances: readonly number[];
  readonly p95Ms: readonly number[];
  readonly late: readonly number[];
}

type PlayOptions = Pick<CompareOptions, 'typeGraph' | 'traits' | 'trace' | 'seed' | 'longestS'>;

/** Nobody gives up waiting before it is too late. */
const patienceFor = ({ objectiveMs }: Application): number =>
  Math.max(RUN_DEFAULTS.patienceS, objectiveMs / 1_000);

/** Plays the trace with one policy; several may be played at the same time. */
export const playContender = (options: PlayOptions, contender: Contender): Played => {
  const { typeGraph, traits, trace, seed, longestS } = options;
  const { spec, plugin } = contender;
  const sampler = new Sampler(pointsEveryS(trace));
  const application = withPolicy(applicationOf(typeGraph, traits), contender);
  const run = runLevel({
    ...RUN_DEFAULTS,
    application,
    patienceS: patienceFor(application),
    trace,
    seed,
    everyS: decidesEveryS(contender),
    // A policy of one's own is asked each second: it may count seconds by counting calls.
    longestS: plugin === undefined ? longestS : 1,
    watch: sampler.watch,
    pluginOf: (policy) =>
      plugin !== undefined && policy.kind === spec.name
        ? (plugin as unknown as ReturnType<typeof pluginFor>)
        : pluginFor(policy),
  });
  const { instances, p95Ms, late } = sampler;
  return { run, instances, p95Ms, late };
};

/** What hindsight would have run. */
export const playHindsight = (options: PlayOptions & Pick<CompareOptions, 'lateShare'>): Clairvoyant => {
  const { typeGraph, traits, trace, seed, lateShare, longestS } = options;
  const application = applicationOf(typeGraph, traits);
  const startMs = Math.max(...application.components.map((one) => (one.pooled ? one.startMs : 0)), 0);
  const patienceS = patienceFor(application);
  return clairvoyantFor(
    { ...RUN_DEFAULTS, application, trace, seed, longestS, patienceS },
    startMs,
    lateShare,
  );
};

const outcomeOf = (
  policy: string,
  { run, instances, p95Ms, late }: Played,
  bestHours: number,
  demand: readonly Uint16Array[],
  pricePerHour: number,
): PolicyOutcome => {
  const hours = run.seconds / 3_600;
  const instanceHours = run.instanceSeconds / 3_600;
  return {
    policy,
    latePercent: (100 * run.late) / Math.max(1, run.requests),
    lateTimePercent: (100 * run.lateSeconds) / run.seconds,
    instanceHours,
    cost: pricePerHour > 0 ? pricePerHour * instanceHours : instanceHours,
    regretHours: instanceHours - bestHours,
    regret: instanceHours / bestHours,
    elasticity: elasticityOf(demand, run.ready),
    actionsPerHour: run.actions / hours,
    startsPerHour: run.starts / hours,
    decisions: run.decisions,
    instances,
    p95Ms,
    latePercentOverTime: late,
  };
};

const total = (series: readonly Uint16Array[], second: number): number =>
  series.reduce((sum, one) => sum + (one[second] ?? 0), 0);

/** Side by side what was played: `played` in the order of the contenders. */
export const comparisonOf = (
  options: CompareOptions,
  best: Clairvoyant,
  played: readonly Played[],
): Comparison => {
  const { typeGraph, traits, trace, pricePerHour, longestS } = options;
  const application = applicationOf(typeGraph, traits);
  const demand = demandOf(application, trace, options.lateShare);
  const bestHours = best.instanceSeconds / 3_600;
  const every = pointsEveryS(trace);
  const atS = Array.from({ length: Math.ceil(traceSeconds(trace) / every) }, (_, i) => i * every);
  return {
    trace: trace.name,
    seconds: traceSeconds(trace),
    longestS,
    requests: Math.round(best.requests),
    objectiveMs: application.objectiveMs,
    pricePerHour,
    components: application.components.filter(({ pooled }) => pooled).map(({ name }) => name),
    series: { atS, rate: atS.map((second) => trace.rates[Math.floor(second / trace.binS)] ?? 0) },
    clairvoyant: {
      instanceHours: bestHours,
      latePercent: (100 * best.late) / Math.max(1, best.requests),
      instances: atS.map((second) => total(best.ready, second)),
    },
    policies: played.map((one, i) =>
      outcomeOf(options.contenders[i]?.spec.text ?? '', one, bestHours, demand, pricePerHour),
    ),
  };
};

/** Plays the trace once per policy, one after the other, and what hindsight would have run. */
export const comparePolicies = (options: CompareOptions): Comparison =>
  comparisonOf(
    options,
    playHindsight(options),
    options.contenders.map((contender) => playContender(options, contender)),
  );
