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
import type { Application } from './application.js';
import { paceOf } from './pace.js';
import { Plant, visitsOf, type PlantOptions, type PlantTier } from './plant.js';
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
  /** Longest step of virtual time while nothing happens, in seconds; 1: each second is played and decided on, as in production. */
  readonly longestS: number;
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
  /** Called after each judged step. */
  readonly watch?: (step: StepSeen) => void;
}

export interface StepSeen {
  /** Its first, counted from the end of the warm-up, and how many they are. */
  readonly second: number;
  readonly seconds: number;
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
  longestS: 1,
  warmupS: 300,
  dispersion: 1,
  patienceS: 10,
  samples: 16,
} as const;

/** Busy to this share at the beginning. */
const INITIAL_UTILISATION = 0.6;

export const plantFor = (options: Omit<RunOptions, 'settings' | 'lagS' | 'everyS' | 'longestS'>): Plant => {
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

/** Who decides on the pools while a trace is played. Seconds are counted with those of the warm-up. */
export interface Conductor {
  /** Seconds that a step which begins at `second` may last at most, for something is to be done at its end. */
  within(second: number): number;
  /** At the end of a step of `seconds`, of which `second` is the last. */
  act(second: number, seconds: number): void;
}

/** Seconds from `second` to the next multiple of `every`. */
const until = (second: number, every: number): number => (every - (second % every)) % every;

/** The autoscaler's loop, on the records the plant keeps. */
class Autoscaling implements Conductor {
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

  within(second: number): number {
    const { everyS, lagS } = this.options;
    return everyS === 1 ? Infinity : 1 + Math.min(until(second, everyS), until(second + lagS, everyS));
  }

  act(second: number, seconds: number): void {
    const { everyS, lagS, reports } = this.options;
    const { snapshots } = this;
    if ((second + lagS) % everyS === 0) snapshots.push(this.plant.metrics());
    if (second % everyS !== 0) return;
    const seen = this.seen(seconds);
    this.decide(second, seen === undefined || reports === undefined ? (seen ?? null) : reports(second, seen));
  }

  /** The newest snapshot that has its age, each only once; of a long step the one at its end, which tells of the step. */
  private seen(seconds: number): Metrics | undefined {
    const { snapshots } = this;
    const late = seconds > 1 ? 0 : Math.floor(this.options.lagS / this.options.everyS);
    return snapshots.length > late ? snapshots.splice(0, snapshots.length - late).at(-1) : undefined;
  }

  private decide(second: number, metrics: Metrics | null): void {
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

export const playTrace = (
  options: Pick<RunOptions, 'trace' | 'warmupS' | 'longestS' | 'watch'>,
  plant: Plant,
  conductor: Conductor,
): Omit<RunResult, 'decisions'> => {
  const { trace, warmupS, longestS, watch } = options;
  const pace = paceOf(trace, plant, longestS, warmupS);
  const seconds = trace.rates.length * trace.binS;
  const pooled = plant.tiers.filter(({ component }) => component.pooled);
  const ready = pooled.map(() => new Uint16Array(seconds));
  const tally: Tally = { requests: 0, late: 0, lateSeconds: 0, instanceSeconds: 0 };
  let actions = 0;
  let starts = 0;
  let step = 1;
  for (let second = -warmupS; second < seconds; second += step) {
    // The warm-up has the load of the beginning.
    const rate = trace.rates[Math.max(0, Math.floor(second / trace.binS))] ?? 0;
    const at = second + warmupS;
    step = Math.min(pace(second), conductor.within(at));
    const seen = plant.step(at, rate, step);
    if (second === 0) {
      actions = pooled.reduce((sum, { pool }) => sum + pool.actions, 0);
      starts = pooled.reduce((sum, { pool }) => sum + pool.starts, 0);
    }
    if (second >= 0) {
      tally.requests += seen.answered + Math.max(0, seen.late - seen.answered);
      tally.late += seen.late;
      if (seen.late > LATE_SECOND * Math.max(1, seen.answered)) tally.lateSeconds += step;
      pooled.forEach(({ pool }, i) => {
        tally.instanceSeconds += step * pool.count;
        ready[i]?.fill(pool.ready, second, second + step);
      });
      watch?.({ second, seconds: step, rate, ...seen, tiers: plant.tiers });
    }
    conductor.act(at + step - 1, step);
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
  const played = playTrace(options, plant, autoscaling);
  return { ...played, decisions: autoscaling.decisions };
};
