import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.js';
import { waitChance } from './erlang.js';
import { simulateExactly, simulateRouted } from './event-queue.js';
import { FluidQueue } from './fluid-queue.js';
import { Noise } from './noise.js';

interface Case {
  readonly servers: number;
  readonly utilisation: number;
  readonly scv: number;
}

interface Seen {
  readonly meanMs: number;
  readonly late: number;
}

const SERVICE_MS = 50;
const BOUND_MS = 200;
const rateOf = ({ servers, utilisation }: Case): number => (servers * utilisation * 1_000) / SERVICE_MS;
const service = (scv: number) => ({ meanMs: SERVICE_MS, scv });

const seen = (took: readonly (readonly [ms: number, weight: number])[]): Seen => {
  const all = took.reduce((sum, [, weight]) => sum + weight, 0);
  return {
    meanMs: took.reduce((sum, [ms, weight]) => sum + ms * weight, 0) / all,
    late: took.reduce((sum, [ms, weight]) => sum + (ms > BOUND_MS ? weight : 0), 0) / all,
  };
};

type Rate = (second: number) => number;

const fluid = (one: Case, seconds: number, rate: Rate = () => rateOf(one), step = 1): Seen => {
  const noise = new Noise(seededRandom(5));
  const queue = new FluidQueue({ service: service(one.scv), concurrency: 1, patienceS: 100 }, noise);
  const took: [number, number][] = [];
  for (let second = 0; second < seconds; second += step) {
    queue.step({
      seconds: step,
      arrivals: noise.poisson(step * rate(second)),
      rate: rate(second),
      ready: one.servers,
    });
    for (let i = 0; i < 8; i += 1) {
      const ms = queue.draw((i + noise.uniform()) / 8, noise.uniform(), noise.uniform(), 1);
      took.push([ms, queue.served]);
    }
  }
  return seen(took);
};

const exact = (one: Case, seconds: number, rate: Rate = () => rateOf(one)): Seen =>
  seen(
    simulateExactly({
      service: service(one.scv),
      servers: () => one.servers,
      rate,
      seconds,
      random: seededRandom(9),
    }).map(({ tookMs }) => [tookMs, 1] as const),
  );

const secondsFor = (one: Case): number => Math.round(120_000 / rateOf(one));

describe('fluid queue', () => {
  it.each([1, 6, 40].flatMap((servers) => [0.5, 0.8, 0.9].map((utilisation) => ({ servers, utilisation }))))(
    'agrees with the exact simulation: $servers servers at $utilisation',
    ({ servers, utilisation }) => {
      for (const scv of [0, 1]) {
        const one = { servers, utilisation, scv };
        const truth = exact(one, secondsFor(one));
        const plant = fluid(one, secondsFor(one));
        expect(Math.abs(plant.meanMs / truth.meanMs - 1)).toBeLessThan(0.12);
        expect(Math.abs(plant.late - truth.late)).toBeLessThan(0.005 + 0.3 * truth.late);
      }
    },
  );

  it('agrees with the formulas of M/M/c and M/D/1', () => {
    const many = { servers: 10, utilisation: 0.8, scv: 1 };
    const wait = (waitChance(8, 10) * SERVICE_MS) / (10 - 8);
    expect(Math.abs(fluid(many, secondsFor(many)).meanMs / (SERVICE_MS + wait) - 1)).toBeLessThan(0.06);
    const one = { servers: 1, utilisation: 0.7, scv: 0 };
    const pollaczekKhinchine = (0.7 * SERVICE_MS) / (2 * (1 - 0.7));
    expect(Math.abs(fluid(one, secondsFor(one)).meanMs / (SERVICE_MS + pollaczekKhinchine) - 1)).toBeLessThan(
      0.08,
    );
  });

  it('agrees with the exact simulation on a burst beyond capacity and its draining', () => {
    const one = { servers: 20, utilisation: 0.6, scv: 0.5 };
    // Twice what can be served for ten seconds of each two hundred.
    const rate = (second: number): number => (second % 200 < 10 ? 800 : 200);
    const truth = exact(one, 2_000, rate);
    const plant = fluid(one, 2_000, rate);
    expect(truth.late).toBeGreaterThan(0.2);
    expect(Math.abs(plant.late / truth.late - 1)).toBeLessThan(0.05);
    expect(Math.abs(plant.meanMs / truth.meanMs - 1)).toBeLessThan(0.1);
  });

  it.each([4, 12].flatMap((instances) => [0.4, 0.7, 0.9].map((utilisation) => ({ instances, utilisation }))))(
    'agrees with an exact router where one of $instances instances serves at a third, at $utilisation',
    ({ instances, utilisation }) => {
      const slow = { count: 1, factor: 3 };
      const rate = (utilisation * (instances - 1 + 1 / slow.factor) * 1_000) / SERVICE_MS;
      const seconds = Math.round(120_000 / rate);
      const routed = simulateRouted({
        service: service(0.5),
        factors: Array.from({ length: instances }, (_, i) => (i === 0 ? slow.factor : 1)),
        rate: () => rate,
        seconds,
        random: seededRandom(9),
      });
      const truth = seen(routed.map(({ tookMs }) => [tookMs, 1] as const));
      const bySlow = routed.filter(({ by }) => by === 0).length / routed.length;
      const noise = new Noise(seededRandom(5));
      const queue = new FluidQueue({ service: service(0.5), concurrency: 1, patienceS: 100 }, noise);
      const took: [number, number][] = [];
      for (let second = 0; second < seconds; second += 1) {
        queue.step({ seconds: 1, arrivals: noise.poisson(rate), rate, ready: instances, slow });
        for (let i = 0; i < 16; i += 1) {
          const [u, v, w] = [noise.uniform(), noise.uniform(), noise.uniform()];
          took.push([queue.draw((i + noise.uniform()) / 16, u, v, w), queue.served]);
        }
      }
      const plant = seen(took);
      expect(Math.abs(queue.slowShare / bySlow - 1)).toBeLessThan(0.1);
      expect(Math.abs(plant.meanMs / truth.meanMs - 1)).toBeLessThan(0.15);
      // A queue for each instance waits longer than one queue for all does, which the plant is.
      expect(Math.abs(plant.late - truth.late)).toBeLessThan(0.005 + 0.5 * truth.late);
    },
  );

  it.each([0.3, 0.6, 0.8])('is the same in steps of half a minute at %d of its load', (utilisation) => {
    for (const servers of [2, 20]) {
      const one = { servers, utilisation, scv: 0.5 };
      const seconds = 60 * Math.ceil(secondsFor(one) / 60);
      const [fine, coarse] = [fluid(one, seconds), fluid(one, 4 * seconds, undefined, 30)];
      expect(Math.abs(coarse.meanMs / fine.meanMs - 1)).toBeLessThan(0.12);
      expect(Math.abs(coarse.late - fine.late)).toBeLessThan(0.003 + 0.2 * fine.late);
    }
  });

  it('works a backlog off in long steps as in short ones', () => {
    const one = { servers: 20, utilisation: 0.6, scv: 0.5 };
    // Twice what can be served for half a minute of each five, so that steps of ten seconds end with it.
    const rate = (second: number): number => (second % 300 < 30 ? 800 : 200);
    const [fine, coarse] = [fluid(one, 6_000, rate), fluid(one, 6_000, rate, 10)];
    expect(fine.late).toBeGreaterThan(0.2);
    expect(Math.abs(coarse.late / fine.late - 1)).toBeLessThan(0.05);
    expect(Math.abs(coarse.meanMs / fine.meanMs - 1)).toBeLessThan(0.05);
  });

  it('counts each request once: served, waiting or rejected', () => {
    const noise = new Noise(seededRandom(3));
    const queue = new FluidQueue({ service: service(1), concurrency: 2, patienceS: 3 }, noise);
    let arrived = 0;
    let gone = 0;
    for (let second = 0; second < 500; second += 1) {
      const arrivals = noise.poisson(second % 50 < 20 ? 300 : 20);
      arrived += arrivals;
      queue.step({ seconds: 1, arrivals, rate: arrivals, ready: second % 50 < 25 ? 2 : 4 });
      gone += queue.served + queue.rejected;
    }
    expect(gone + queue.backlog).toBeCloseTo(arrived, 3);
  });
});

describe(waitChance.name, () => {
  it('is the utilisation for one server, and what Erlang tabulated', () => {
    expect(waitChance(0.6, 1)).toBeCloseTo(0.6, 5);
    // Erlang C, 10 servers, 8 erlang.
    expect(waitChance(8, 10)).toBeCloseTo(0.4092, 3);
    expect(waitChance(12, 10)).toBe(1);
    expect(waitChance(0, 10)).toBe(0);
  });
});
