/** One cell of the benchmark: a policy with its knob, a trace, a number of tiers, a start-up time and a seed. */
import type { ScalingPolicy } from '@mitosis/contracts';
import {
  chainApplication,
  clairvoyantFor,
  demandOf,
  elasticityOf,
  RUN_DEFAULTS,
  runLevel,
  type Application,
  type Clairvoyant,
} from '@mitosis/simulation/workload';
import { CONTENDERS, isContender } from './policies.js';
import { FIRST_SERVICE_S, loadOf, PEAK_ERLANG, type Piece } from './scenarios.js';

/** `concurrency`: requests an instance works on at once. */
export interface Setting extends Piece {
  readonly tiers: number;
  readonly startS: number;
  /** Of the objective, which the slo policy is given; lateness is judged by the bound alone. */
  readonly percentile: number;
  /** Fewest instances of a tier, as a share of what the peak keeps busy: warm for a surge that no start is quick enough for. */
  readonly warm: number;
  /** Requests that would wait longer are refused at once, which is late, too; seconds. */
  readonly patienceS: number;
}

export interface Contest {
  readonly policy: string;
  readonly knob: number;
  /** Instead of the contender's own: options tried out from the command line. */
  readonly given?: ScalingPolicy;
}

export interface CellResult {
  readonly [figure: string]: number | string;
}

/** Late share the clairvoyant keeps, and the objective of the demand curve. */
const LATE_SHARE = 0.01;
/** Times what the peak needs: what a careful user allows, and what keeps a panic from costing without end. */
const MAX_FACTOR = 2;

/** null: nobody decides. */
export const applicationOf = (setting: Setting, contest: Contest | null): Application =>
  chainApplication({
    tiers: setting.tiers,
    startMs: setting.startS * 1_000,
    percentile: setting.percentile,
    concurrency: setting.concurrency,
    peakRate: (PEAK_ERLANG * setting.concurrency) / FIRST_SERVICE_S,
    maxFactor: MAX_FACTOR,
    minFactor: setting.warm,
    policy: (tier) => {
      if (contest === null) return { kind: 'fixed' };
      if (contest.given !== undefined) return contest.given;
      if (!isContender(contest.policy)) throw new RangeError(`there is no policy ${contest.policy}`);
      return CONTENDERS[contest.policy].policy(contest.knob, tier);
    },
  });

const paceOf = ({ policy, given }: Contest): { readonly everyS: number; readonly samples: number } =>
  isContender(policy) && given === undefined ? CONTENDERS[policy] : RUN_DEFAULTS;

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

export interface Hindsight {
  readonly clairvoyant: Clairvoyant;
  readonly demand: readonly Uint16Array[];
}

/** What hindsight would have run; the same for every policy. */
export const hindsightOf = (folder: string, setting: Setting): Hindsight => {
  const application = applicationOf({ ...setting, warm: 0 }, null);
  const trace = loadOf(folder, setting);
  return {
    clairvoyant: clairvoyantFor(
      { ...RUN_DEFAULTS, application, trace, seed: setting.seed },
      setting.startS * 1_000,
      LATE_SHARE,
    ),
    demand: demandOf(application, trace, LATE_SHARE),
  };
};

export const playCell = (
  folder: string,
  setting: Setting,
  contest: Contest,
  hindsight: Hindsight,
): CellResult => {
  const began = process.hrtime.bigint();
  const trace = loadOf(folder, setting);
  const application = applicationOf(setting, contest);
  const { everyS, samples } = paceOf(contest);
  const run = runLevel({
    ...RUN_DEFAULTS,
    application,
    trace,
    seed: setting.seed,
    patienceS: setting.patienceS,
    everyS,
    samples,
  });
  const took = Number(process.hrtime.bigint() - began) / 1e9;
  const hours = run.seconds / 3_600;
  const elasticity = elasticityOf(hindsight.demand, run.ready);
  const { clairvoyant } = hindsight;
  return {
    late: round((100 * run.late) / run.requests, 4),
    cost: round(run.instanceSeconds / clairvoyant.instanceSeconds, 4),
    instanceHours: round(run.instanceSeconds / 3_600, 2),
    clairvoyantHours: round(clairvoyant.instanceSeconds / 3_600, 2),
    clairvoyantLate: round((100 * clairvoyant.late) / clairvoyant.requests, 3),
    lateSeconds: round((100 * run.lateSeconds) / run.seconds, 3),
    under: round(elasticity.underAccuracy, 3),
    over: round(elasticity.overAccuracy, 3),
    underTime: round(elasticity.underTime, 3),
    overTime: round(elasticity.overTime, 3),
    instability: round(elasticity.instability, 3),
    actionsPerHour: round(run.actions / hours, 2),
    startsPerHour: round(run.starts / hours, 2),
    requests: Math.round(run.requests),
    seconds: run.seconds,
    decisionsPerS: Math.round(run.decisions / took),
    tookS: round(took, 3),
  };
};
