/**
 * One run: a trace through a plant whose instances the production decision code chooses. The decisions see what a
 * monitor's snapshot would say, as late as it would say it, and nothing else.
 */
import {
  decideTargets,
  EMPTY_LEVEL,
  stepLevel,
  type ComponentMetrics,
  type LevelInput,
  type LevelState,
  type PluginOf,
  type PolicySettings,
} from '@mitosis/autoscaler/decide';
import { componentName } from '@mitosis/contracts';
import { seededRandom } from '../random.js';
import { visitsOf, type Application } from './application.js';
import { Plant, type PlantOptions, type PlantTier } from './plant.js';
import type { Trace } from './trace.js';

export type Metrics = ReadonlyMap<string, ComponentMetrics>;

export interface RunOptions {
  readonly application: Application;
  readonly trace: Trace;
  readonly seed: number;
  readonly settings: PolicySettings;
  /** Age of the newest second in a snapshot when it is decided on, in seconds. */
  readonly lagS: number;
  /** Seconds between two steps of the policies; production takes one a second. */
  readonly everyS: number;
  /** At the beginning, played and not judged: policies get to know the components. */
  readonly warmupS: number;
  readonly dispersion: number;
  readonly patienceS: number;
  readonly samples: number;
  /** False: for plays whose decisions look at no metrics. */
  readonly observed?: boolean;
  readonly pluginOf?: PluginOf;
  readonly slowdown?: PlantOptions['slowdown'];
  readonly slowInstances?: PlantOptions['slowInstances'];
  /** What a faulty monitor says in a second (the warm-up's counted) instead of what is so; null: nothing. */
  readonly reports?: (second: number, metrics: Metrics) => Metrics | null;
  /** Called after each judged second. */
  readonly watch?: (second: SecondSeen) => void;
}

export interface SecondSeen {
  /** Counted from the end of the warm-up. */
  readonly second: number;
  readonly rate: number;
  readonly arrivals: number;
  readonly answered: number;
  readonly late: number;
  readonly tiers: readonly PlantTier[];
}

export interface RunResult {
  readonly seconds: number;
  readonly requests: number;
  readonly late: number;
  /** Seconds in which more than one in a hundred requests was late. */
  readonly lateSeconds: number;
  /** Paid, from the decision to start until the decision to stop. */
  readonly instanceSeconds: number;
  /** Instances ready in each judged second, by component in the plant's order. */
  readonly ready: readonly Uint16Array[];
  readonly actions: number;
  readonly starts: number;
  readonly decisions: number;
}

export const RUN_DEFAULTS = {
  settings: { holdMs: 60_000 },
  lagS: 1,
  everyS: 1,
  warmupS: 300,
  dispersion: 1,
  patienceS: 10,
  samples: 16,
} as const;

/** Busy to this share at the beginning. */
const INITIAL_UTILISATION = 0.6;

export const plantFor = (options: Omit<RunOptions, 'settings' | 'lagS' | 'everyS'>): Plant => {
  const { application, trace } = options;
  const rate = trace.rates[0] ?? 0;
  const visits = visitsOf(application.components);
  const components = application.components.map((component, i) => {
    const { scale } = application.typeGraph.components[component.name] ?? { scale: { min: 1, max: 1 } };
    const offered = (rate * (visits[i] ?? 0) * component.service.meanMs) / 1_000 / component.concurrency;
    const wanted = Math.ceil(offered / INITIAL_UTILISATION);
    return { ...component, initial: Math.min(scale.max, Math.max(scale.min, 1, wanted)) };
  });
  const { dispersion, patienceS, samples, slowdown, slowInstances } = options;
  return new Plant(
    {
      components,
      objectiveMs: application.objectiveMs,
      dispersion,
      patienceS,
      samples,
      observed: options.observed ?? true,
      ...(slowdown === undefined ? {} : { slowdown }),
      ...(slowInstances === undefined ? {} : { slowInstances }),
    },
    seededRandom(options.seed),
  );
};

/** The autoscaler's loop, on the records the plant keeps. */
class Autoscaling {
  private state: LevelState = EMPTY_LEVEL;
  private readonly snapshots: Metrics[] = [];
  private instances: LevelInput['instances'] = [];
  private parts: readonly LevelInput['instances'][] = [];
  private readonly pooled: readonly PlantTier[];
  decisions = 0;

  constructor(
    private readonly options: RunOptions,
    private readonly plant: Plant,
  ) {
    this.pooled = plant.tiers.filter(({ component }) => component.pooled);
  }

  /** At the end of a second: every second for the snapshots, acting on those it is time for. */
  step(second: number): void {
    const { everyS, lagS, reports } = this.options;
    const { snapshots } = this;
    if ((second + lagS) % everyS === 0) snapshots.push(this.plant.metrics());
    if (second % everyS !== 0) return;
    const late = Math.floor(lagS / everyS);
    const seen = snapshots.length > late ? snapshots.splice(0, snapshots.length - late).at(-1) : undefined;
    this.act(second, seen === undefined || reports === undefined ? (seen ?? null) : reports(second, seen));
  }

  private act(second: number, metrics: Metrics | null): void {
    const input = this.input((second + 1) * 1_000, metrics);
    const step = stepLevel(this.state, input, this.options.settings, this.options.pluginOf);
    this.state = step.state;
    this.decisions += step.advice.length;
    for (const { component, to } of decideTargets(input, step.advice, 'run', new Map()).changes) {
      this.pooled.find((tier) => tier.component.name === component.name)?.pool.scaleTo(to, input.nowMs);
    }
  }

  private input(nowMs: number, metrics: Metrics | null): LevelInput {
    const { pooled } = this;
    const parts = pooled.map(({ pool }) => pool.records);
    if (parts.some((part, i) => part !== this.parts[i])) {
      this.parts = parts;
      this.instances = parts.flat();
    }
    return {
      nowMs,
      generation: 1,
      typeGraph: this.options.application.typeGraph,
      handedDown: null,
      targets: new Map(pooled.map(({ component, pool }) => [componentName(component.name), pool.target])),
      overrides: new Map(),
      instances: this.instances,
      endpoints: new Map(
        pooled.map(({ component, pool }) => [componentName(component.name), pool.endpoints]),
      ),
      metrics,
    };
  }
}

interface Tally {
  requests: number;
  late: number;
  lateSeconds: number;
  instanceSeconds: number;
}

/** More late requests than this share make a late second. */
const LATE_SECOND = 0.01;

/** Plays the trace through the plant; `decide` is called at the end of each second. */
export const playTrace = (
  options: Pick<RunOptions, 'trace' | 'warmupS' | 'watch'>,
  plant: Plant,
  decide: (second: number) => void,
): Omit<RunResult, 'decisions'> => {
  const { trace, warmupS, watch } = options;
  const seconds = trace.rates.length * trace.binS;
  const pooled = plant.tiers.filter(({ component }) => component.pooled);
  const ready = pooled.map(() => new Uint16Array(seconds));
  const tally: Tally = { requests: 0, late: 0, lateSeconds: 0, instanceSeconds: 0 };
  let actions = 0;
  let starts = 0;
  for (let second = -warmupS; second < seconds; second += 1) {
    // The warm-up has the load of the beginning.
    const rate = trace.rates[Math.max(0, Math.floor(second / trace.binS))] ?? 0;
    const at = second + warmupS;
    const seen = plant.step(at, rate);
    if (second === 0) {
      actions = pooled.reduce((sum, { pool }) => sum + pool.actions, 0);
      starts = pooled.reduce((sum, { pool }) => sum + pool.starts, 0);
    }
    if (second >= 0) {
      tally.requests += seen.answered + Math.max(0, seen.late - seen.answered);
      tally.late += seen.late;
      if (seen.late > LATE_SECOND * Math.max(1, seen.answered)) tally.lateSeconds += 1;
      pooled.forEach(({ pool }, i) => {
        tally.instanceSeconds += pool.count;
        const row = ready[i];
        if (row !== undefined) row[second] = pool.ready;
      });
      watch?.({ second, rate, ...seen, tiers: plant.tiers });
    }
    decide(at);
  }
  return {
    seconds,
    ...tally,
    ready,
    actions: pooled.reduce((sum, { pool }) => sum + pool.actions, 0) - actions,
    starts: pooled.reduce((sum, { pool }) => sum + pool.starts, 0) - starts,
  };
};

export const runLevel = (options: RunOptions): RunResult => {
  const plant = plantFor(options);
  const autoscaling = new Autoscaling(options, plant);
  const played = playTrace(options, plant, (second) => autoscaling.step(second));
  return { ...played, decisions: autoscaling.decisions };
};
