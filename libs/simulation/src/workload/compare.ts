/**
 * Several policies on the same load, side by side, each against what hindsight would have run. What `mitosis simulate`
 * shows; pure, so that a page, a table and a test read the same figures.
 */
import type { ScalingPolicy, TypeGraph } from '@mitosis/contracts';
import { pluginFor, type ScalingPolicyPlugin } from '@mitosis/autoscaler/decide';
import type { Application } from './application.js';
import { clairvoyantFor, demandOf } from './clairvoyant.js';
import { elasticityOf, type Elasticity } from './elasticity.js';
import { RUN_DEFAULTS, runLevel, type RunResult, type SecondSeen } from './level-run.js';
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
  readonly onProgress?: (done: number, all: number, what: string) => void;
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

const POINTS = 720;

const stepOf = (trace: Trace): number => Math.max(1, Math.ceil(traceSeconds(trace) / POINTS));

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

class Sampler {
  readonly instances: number[] = [];
  readonly p95Ms: number[] = [];
  readonly late: number[] = [];
  private lateSum = 0;
  private answered = 0;

  constructor(private readonly step: number) {}

  readonly watch = (seen: SecondSeen): void => {
    this.lateSum += seen.late;
    this.answered += seen.answered;
    if (seen.second % this.step !== 0) return;
    const pools = seen.tiers.filter(({ component }) => component.pooled);
    this.instances.push(pools.reduce((sum, { pool }) => sum + pool.ready, 0));
    const window = seen.tiers[0]?.metrics().requests;
    this.p95Ms.push((this.step >= 30 ? window?.last60?.p95Ms : window?.last10?.p95Ms) ?? 0);
    this.late.push(this.answered > 0 ? Math.min(100, (100 * this.lateSum) / this.answered) : 0);
    this.lateSum = 0;
    this.answered = 0;
  };
}

const everyS = (spec: PolicySpec, own: boolean): number => (!own && spec.name === 'hpa' ? 15 : 1);

const outcomeOf = (
  contender: Contender,
  run: RunResult,
  sampler: Sampler,
  hindsight: { readonly instanceSeconds: number; readonly demand: readonly Uint16Array[] },
  pricePerHour: number,
): PolicyOutcome => {
  const hours = run.seconds / 3_600;
  const instanceHours = run.instanceSeconds / 3_600;
  const best = hindsight.instanceSeconds / 3_600;
  return {
    policy: contender.spec.text,
    latePercent: (100 * run.late) / Math.max(1, run.requests),
    lateTimePercent: (100 * run.lateSeconds) / run.seconds,
    instanceHours,
    cost: pricePerHour > 0 ? pricePerHour * instanceHours : instanceHours,
    regretHours: instanceHours - best,
    regret: instanceHours / best,
    elasticity: elasticityOf(hindsight.demand, run.ready),
    actionsPerHour: run.actions / hours,
    startsPerHour: run.starts / hours,
    decisions: run.decisions,
    instances: sampler.instances,
    p95Ms: sampler.p95Ms,
    latePercentOverTime: sampler.late,
  };
};

const total = (series: readonly Uint16Array[], second: number): number =>
  series.reduce((sum, one) => sum + (one[second] ?? 0), 0);

/** Plays the trace once per policy, and what hindsight would have run. */
export const comparePolicies = (options: CompareOptions): Comparison => {
  const { typeGraph, traits, trace, contenders, seed, onProgress } = options;
  const application = applicationOf(typeGraph, traits);
  const step = stepOf(trace);
  const plugins = new Map(contenders.flatMap(({ spec, plugin }) => (plugin ? [[spec.name, plugin]] : [])));
  onProgress?.(0, contenders.length + 1, 'the clairvoyant');
  const startMs = Math.max(...application.components.map((one) => (one.pooled ? one.startMs : 0)), 0);
  const best = clairvoyantFor({ ...RUN_DEFAULTS, application, trace, seed }, startMs, options.lateShare);
  const demand = demandOf(application, trace, options.lateShare);
  const policies = contenders.map((contender, i) => {
    onProgress?.(i + 1, contenders.length + 1, contender.spec.text);
    const sampler = new Sampler(step);
    const run = runLevel({
      ...RUN_DEFAULTS,
      application: withPolicy(application, contender),
      trace,
      seed,
      everyS: everyS(contender.spec, contender.plugin !== undefined),
      watch: sampler.watch,
      pluginOf: (policy) =>
        (plugins.get(policy.kind) as ReturnType<typeof pluginFor> | undefined) ?? pluginFor(policy),
    });
    const hindsight = { instanceSeconds: best.instanceSeconds, demand };
    return outcomeOf(contender, run, sampler, hindsight, options.pricePerHour);
  });
  const atS = Array.from({ length: Math.ceil(traceSeconds(trace) / step) }, (_, i) => i * step);
  return {
    trace: trace.name,
    seconds: traceSeconds(trace),
    requests: Math.round(best.requests),
    objectiveMs: application.objectiveMs,
    pricePerHour: options.pricePerHour,
    components: application.components.filter(({ pooled }) => pooled).map(({ name }) => name),
    series: { atS, rate: atS.map((second) => trace.rates[Math.floor(second / trace.binS)] ?? 0) },
    clairvoyant: {
      instanceHours: best.instanceSeconds / 3_600,
      latePercent: (100 * best.late) / Math.max(1, best.requests),
      instances: atS.map((second) => total(best.ready, second)),
    },
    policies,
  };
};
