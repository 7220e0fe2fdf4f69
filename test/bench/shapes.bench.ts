/**
 * `pnpm bench:shapes`: components unlike each other (how many requests an instance works on at once, how long they take and how
 * that varies, objective, start-up, size) under loads of many kinds: `slo`, which has to find all of that out, beside `hpa` on
 * requests per second, which is told what an instance bears, at each target; a line of JSON each, then a Markdown table.
 * Options: --loads ramps,day (also walk, levels, growth, jobs, crowds, switch, seldom)   --hours 6   --seed 1
 *   --told: `slo` is told how many requests an instance works on at once
 */
import { parseArgs } from 'node:util';
import { bareComponent, bareTypeGraph, type ScalingPolicy } from '@mitosis/contracts';
import {
  applicationOf,
  ASSUMED,
  RUN_DEFAULTS,
  runLevel,
  scaleTrace,
  seededRandom,
  tiersSeen,
  type Application,
  type ServiceTime,
  type Trace,
} from '@mitosis/simulation/workload';
import { CONTENDERS } from './autoscale/policies.js';
import { markdownHead, markdownRow } from './markdown.js';

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: 'ramps,day' },
    hours: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
    told: { type: 'boolean', default: false },
  },
});

interface Shape {
  readonly service: ServiceTime;
  readonly concurrency: number;
  readonly objectiveMs: number;
  readonly startS: number;
  /** Instances that the mean of the load keeps busy. */
  readonly size: number;
}

const SHAPES: readonly Shape[] = [
  { service: { meanMs: 20, scv: 0.5 }, concurrency: 4, objectiveMs: 300, startS: 10, size: 1 },
  { service: { meanMs: 20, scv: 0.5 }, concurrency: 4, objectiveMs: 300, startS: 10, size: 4 },
  { service: { meanMs: 20, scv: 0.5 }, concurrency: 4, objectiveMs: 300, startS: 10, size: 20 },
  { service: { meanMs: 30, scv: 0.2 }, concurrency: 2, objectiveMs: 100, startS: 5, size: 5 },
  { service: { meanMs: 100, scv: 1 }, concurrency: 8, objectiveMs: 500, startS: 30, size: 2 },
  { service: { meanMs: 20, scv: 0.5 }, concurrency: 16, objectiveMs: 200, startS: 10, size: 4 },
  { service: { meanMs: 10, scv: 2 }, concurrency: 32, objectiveMs: 100, startS: 10, size: 2 },
  { service: { meanMs: 50, scv: 0.5 }, concurrency: 64, objectiveMs: 300, startS: 10, size: 3 },
  { service: { meanMs: 5, scv: 1 }, concurrency: 1, objectiveMs: 50, startS: 3, size: 6 },
  { service: { meanMs: 20, scv: 2 }, concurrency: 1, objectiveMs: 300, startS: 10, size: 5 },
  { service: { meanMs: 200, scv: 0.3 }, concurrency: 1, objectiveMs: 1_000, startS: 30, size: 6 },
];

const MINUTE_S = 60;

const noisy = (seed: string, wave: number): (() => number) => {
  const random = seededRandom(Number(values.seed)).split(seed);
  return () => 1 + wave * (random.between(-1, 1) + random.between(-1, 1));
};

/** Up or down to another load in twenty minutes to two hours, ten minutes to an hour there. */
const ramps = (minutes: number): readonly number[] => {
  const random = seededRandom(Number(values.seed)).split('ramps');
  const noise = noisy('ramps noise', 0.05);
  const rates: number[] = [];
  let from = 1;
  while (rates.length < minutes) {
    const to = random.between(1, 10);
    const lasts = Math.round(random.between(20, 120));
    for (let i = 1; i <= lasts; i += 1) rates.push((from + ((to - from) * i) / lasts) * noise());
    for (let i = Math.round(random.between(10, 60)); i > 0; i -= 1) rates.push(to * noise());
    from = to;
  }
  return rates.slice(0, minutes);
};

/** From eight in the morning on, with a wave of minutes on top. */
const day = (minutes: number): readonly number[] => {
  const noise = noisy('day', 0.1);
  let wave = 1;
  return Array.from({ length: minutes }, (_, minute) => {
    wave += 0.2 * (noise() - wave);
    return (0.25 + 0.75 * Math.max(0, Math.sin(((8 + minute / 60 - 6) / 24) * 2 * Math.PI))) * wave;
  });
};

/** Each minute some per cent more or less than the one before, between a tenth and ten. */
const walk = (minutes: number): readonly number[] => {
  const random = seededRandom(Number(values.seed)).split('walk');
  let log = 0;
  return Array.from({ length: minutes }, () => {
    log = Math.max(-2.3, Math.min(2.3, log + 0.12 * (random.between(-1, 1) + random.between(-1, 1))));
    return Math.exp(log);
  });
};

/** Another load at once, for five to thirty minutes. */
const levels = (minutes: number): readonly number[] => {
  const random = seededRandom(Number(values.seed)).split('levels');
  const noise = noisy('levels noise', 0.05);
  const rates: number[] = [];
  while (rates.length < minutes) {
    const rate = random.between(1, 10);
    for (let i = Math.round(random.between(5, 30)); i > 0; i -= 1) rates.push(rate * noise());
  }
  return rates.slice(0, minutes);
};

/** Twice as much every half hour. */
const growth = (minutes: number): readonly number[] => {
  const noise = noisy('growth', 0.05);
  return Array.from({ length: minutes }, (_, minute) => 2 ** (minute / 30) * noise());
};

/** Five times as much in each tenth minute, twenty times in each sixtieth. */
const jobs = (minutes: number): readonly number[] => {
  const noise = noisy('jobs', 0.05);
  const times = (minute: number): number => (minute % 60 === 40 ? 20 : minute % 10 === 5 ? 5 : 1);
  return Array.from({ length: minutes }, (_, minute) => times(minute) * noise());
};

/** An even load, and once in one to two hours ten times as many within two minutes, who leave within half an hour. */
const crowds = (minutes: number): readonly number[] => {
  const random = seededRandom(Number(values.seed)).split('crowds');
  const noise = noisy('crowds noise', 0.05);
  let next = Math.round(random.between(30, 90));
  let crowd = 0;
  return Array.from({ length: minutes }, (_, minute) => {
    if (minute === next) next += Math.round(random.between(60, 120));
    crowd = minute + 2 > next ? crowd + 4.5 : crowd * 0.9;
    return (1 + crowd) * noise();
  });
};

/** Some seconds of load, some of none. */
const switching = (minutes: number): readonly number[] => {
  const random = seededRandom(Number(values.seed)).split('switch');
  const rates: number[] = [];
  while (rates.length < MINUTE_S * minutes) {
    const rate = random.between(0.5, 1.5);
    for (let i = Math.round(random.between(10, 90)); i > 0; i -= 1) rates.push(rate);
    for (let i = Math.round(random.between(10, 120)); i > 0; i -= 1) rates.push(0);
  }
  return rates.slice(0, MINUTE_S * minutes);
};

/** Nothing, but for a minute or two in each half hour. */
const seldom = (minutes: number): readonly number[] => {
  const random = seededRandom(Number(values.seed)).split('seldom');
  const rates: number[] = [];
  while (rates.length < minutes) {
    for (let i = Math.round(random.between(10, 50)); i > 0; i -= 1) rates.push(0);
    for (let i = Math.round(random.between(1, 2)); i > 0; i -= 1) rates.push(random.between(0.5, 1.5));
  }
  return rates.slice(0, minutes);
};

interface Load {
  readonly binS: number;
  /** A number each bin, by its ratio to the others. */
  readonly ratesOf: (minutes: number) => readonly number[];
}

const byMinute = (ratesOf: Load['ratesOf']): Load => ({ binS: MINUTE_S, ratesOf });

const LOADS: Readonly<Record<string, Load>> = {
  ramps: byMinute(ramps),
  day: byMinute(day),
  walk: byMinute(walk),
  levels: byMinute(levels),
  growth: byMinute(growth),
  jobs: byMinute(jobs),
  crowds: byMinute(crowds),
  switch: { binS: 1, ratesOf: switching },
  seldom: byMinute(seldom),
};

const traceOf = (name: string, meanRate: number): Trace => {
  const load = LOADS[name];
  if (load === undefined) throw new Error(`no load ${name}; there are ${Object.keys(LOADS).join(', ')}`);
  const rates = load.ratesOf(Math.round(Number(values.hours) * 60));
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return scaleTrace({ name, binS: load.binS, rates: Float64Array.from(rates) }, meanRate / mean);
};

interface Played {
  /** Per cent of the requests. */
  readonly late: number;
  readonly instanceHours: number;
}

/** Who plays, and how often and at how many samples a second it looks. */
interface Player {
  readonly everyS: number;
  readonly samples: number;
}

/** One shape under one load; made once, for all who play it. */
const stage = (shape: Shape, load: string) => {
  const { service, concurrency, startS, objectiveMs, size } = shape;
  const traits = { front: { ...ASSUMED, service, concurrency, startMs: startS * 1_000 } };
  const applicationWith = (policy: ScalingPolicy): Application => {
    const front = bareComponent('front', { policy, scale: { min: 1, max: 1_000, initial: 1 } });
    const latency = [{ percentile: 99, ms: objectiveMs }];
    const objective = { latency, errorRatio: null, throughput: null };
    return applicationOf(bareTypeGraph('one', [front], { objective }), traits);
  };
  const tier = tiersSeen(applicationWith({ kind: 'fixed' })).front;
  if (tier === undefined) throw new RangeError('the component was not simulated');
  const trace = traceOf(load, size * tier.capacity);
  const play = ({ everyS, samples }: Player, policy: ScalingPolicy): Played => {
    const application = applicationWith(policy);
    const run = runLevel({ ...RUN_DEFAULTS, application, trace, seed: Number(values.seed), everyS, samples });
    return { late: (100 * run.late) / run.requests, instanceHours: run.instanceSeconds / 3_600 };
  };
  return { tier, play };
};

const cheapest = (played: readonly Played[], late: number): Played | undefined =>
  played.filter((one) => one.late <= late).toSorted((a, b) => a.instanceHours - b.instanceHours)[0];

const times = (slo: Played, peer: Played | undefined): string =>
  peer === undefined ? '–' : (slo.instanceHours / peer.instanceHours).toFixed(2);

const rows = SHAPES.flatMap((shape) =>
  values.loads.split(',').map((load): readonly string[] => {
    const { slo: own, 'hpa-rps': hpa } = CONTENDERS;
    const { tier, play } = stage(shape, load);
    const { concurrency } = shape;
    const slo = play(own, values.told ? { kind: 'slo', holdMs: 0, concurrency } : own.policy());
    const peers = hpa.knobs.map((knob) => play(hpa, hpa.policy(knob, tier)));
    const keeping = cheapest(peers, 1);
    console.log(JSON.stringify({ shape, load, slo, peers }));
    return [
      `${shape.concurrency} at once, ${shape.service.meanMs} ms (Cs² ${shape.service.scv}), within ${shape.objectiveMs} ms, start ${shape.startS} s, ${shape.size} busy`,
      load,
      `${slo.late.toFixed(2)} @ ${slo.instanceHours.toFixed(1)}`,
      keeping === undefined ? '–' : `${keeping.late.toFixed(2)} @ ${keeping.instanceHours.toFixed(1)}`,
      times(slo, keeping),
      times(slo, cheapest(peers, slo.late)),
    ];
  }),
);

const HEAD = ['component', 'load', '`slo`: late % @ h', '`hpa` that keeps 1 %', '×', '× as punctual'];
console.log(markdownHead(HEAD));
for (const row of rows) console.log(markdownRow(row));
