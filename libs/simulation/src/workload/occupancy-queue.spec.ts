import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.js';
import { simulateExactly } from './event-queue.js';
import { Noise } from './noise.js';
import { OccupancyQueue } from './occupancy-queue.js';
import type { ServiceTime } from './service-time.js';

interface Case {
  readonly servers: number;
  readonly utilisation: number;
  readonly service: ServiceTime;
}

interface Seen {
  readonly meanMs: number;
  /** Took longer than twice, and four times, what one takes on average. */
  readonly late: number;
  readonly veryLate: number;
}

const rateOf = ({ servers, utilisation, service }: Case): number =>
  (servers * utilisation * 1_000) / service.meanMs;

const seen = (took: readonly (readonly [ms: number, weight: number])[], usualMs: number): Seen => {
  const all = took.reduce((sum, [, weight]) => sum + weight, 0);
  const over = (ms: number): number =>
    took.reduce((sum, [tookMs, weight]) => sum + (tookMs > ms ? weight : 0), 0) / all;
  return {
    meanMs: took.reduce((sum, [ms, weight]) => sum + ms * weight, 0) / all,
    late: over(2 * usualMs),
    veryLate: over(4 * usualMs),
  };
};

type PerSecond = (second: number) => number;

interface Play {
  readonly seconds: number;
  readonly rate: PerSecond;
  readonly servers: PerSecond;
}

const steady = (one: Case): Play => ({
  seconds: Math.round(Math.min(150_000, Math.max(120, 50_000 / rateOf(one)))),
  rate: () => rateOf(one),
  servers: () => one.servers,
});

const played = (service: ServiceTime, { seconds, rate, servers }: Play, step = 1): Seen => {
  const noise = new Noise(seededRandom(5));
  const queue = new OccupancyQueue({ service, concurrency: 1, patienceS: 1e6 }, noise);
  const took: [number, number][] = [];
  for (let second = 0; second < seconds; second += step) {
    queue.step({
      seconds: step,
      arrivals: noise.poisson(step * rate(second)),
      rate: rate(second),
      ready: servers(second),
    });
    if (queue.served <= 0) continue;
    const samples = Math.min(64, Math.max(1, Math.round(queue.served)));
    for (let i = 0; i < samples; i += 1)
      took.push([queue.draw((i + noise.uniform()) / samples), queue.served / samples]);
  }
  return seen(took, service.meanMs);
};

const exactly = (service: ServiceTime, { seconds, rate, servers }: Play): Seen =>
  seen(
    simulateExactly({ service, servers, rate, seconds, random: seededRandom(9) }).map(
      ({ tookMs }) => [tookMs, 1] as const,
    ),
    service.meanMs,
  );

const expectAlike = (plant: Seen, truth: Seen): void => {
  expect(Math.abs(plant.meanMs / truth.meanMs - 1)).toBeLessThan(0.08);
  expect(Math.abs(plant.late - truth.late)).toBeLessThan(0.003 + 0.1 * truth.late);
  expect(Math.abs(plant.veryLate - truth.veryLate)).toBeLessThan(0.003 + 0.2 * truth.veryLate);
};

describe('occupancy queue', () => {
  it.each(
    [
      { servers: 1, utilisation: 0.5 },
      { servers: 1, utilisation: 0.75 },
      { servers: 8, utilisation: 0.85 },
      { servers: 60, utilisation: 0.9 },
      // More begin in a second than are kept one by one.
      { servers: 900, utilisation: 0.97 },
    ].flatMap((size) => [500, size.servers > 1 ? 20_000 : 2_000].map((meanMs) => ({ ...size, meanMs }))),
  )(
    'agrees with the exact simulation: $servers servers at $utilisation, $meanMs ms',
    ({ servers, utilisation, meanMs }) => {
      for (const scv of [0.25, 1]) {
        const one = { servers, utilisation, service: { meanMs, scv } };
        expectAlike(played(one.service, steady(one)), exactly(one.service, steady(one)));
      }
    },
  );

  it('agrees with it on bursts beyond capacity, and on servers that come and go', () => {
    const service = { meanMs: 4_000, scv: 0.25 };
    const play = {
      seconds: 40_000,
      rate: (second: number) => (second % 400 < 60 ? 12 : 4),
      servers: (second: number) => (second % 400 < 30 ? 24 : second % 400 < 150 ? 48 : 24),
    };
    const truth = exactly(service, play);
    expect(truth.late).toBeGreaterThan(0.2);
    expectAlike(played(service, play), truth);
  });

  it('is the same in steps of half a minute', () => {
    const one = { servers: 8, utilisation: 0.85, service: { meanMs: 2_000, scv: 0.25 } };
    const play = { ...steady(one), seconds: 30_000 };
    expectAlike(played(one.service, play, 30), played(one.service, play));
  });

  it('gives a slow server what a router that counts requests gives it, and takes as much longer there', () => {
    const noise = new Noise(seededRandom(5));
    const service = { meanMs: 2_000, scv: 0.25 };
    const queue = new OccupancyQueue({ service, concurrency: 1, patienceS: 100 }, noise);
    let sum = 0;
    let served = 0;
    for (let second = 0; second < 40_000; second += 1) {
      const slow = { count: 1, factor: 3 };
      queue.step({ seconds: 1, arrivals: noise.poisson(1), rate: 1, ready: 8, slow });
      for (let i = 0; i < queue.served; i += 1) sum += queue.draw((i + 0.5) / queue.served);
      served += queue.served;
    }
    expect(queue.slowShare).toBeGreaterThan(0.03);
    expect(queue.slowShare).toBeLessThan(0.1);
    const expected = 2_000 * (1 + 2 * queue.slowShare);
    expect(Math.abs(sum / served / expected - 1)).toBeLessThan(0.05);
  });

  it('counts each request once: served, at work, waiting or rejected; and what is inside as it is', () => {
    const noise = new Noise(seededRandom(3));
    const queue = new OccupancyQueue(
      { service: { meanMs: 3_000, scv: 1 }, concurrency: 2, patienceS: 6 },
      noise,
    );
    let arrived = 0;
    let gone = 0;
    let rejected = 0;
    for (let second = 0; second < 2_000; second += 1) {
      // Parts of requests too, as where only some are passed on.
      const arrivals = noise.poisson(second % 200 < 60 ? 400 : 1) / 2;
      arrived += arrivals;
      queue.step({ seconds: 1, arrivals, rate: arrivals, ready: second % 200 < 100 ? 20 : 60 });
      gone += queue.served + queue.rejected;
      rejected += queue.rejected;
      const { inside, completed } = queue.count();
      expect(completed).toBe(queue.served);
      expect(Math.abs(arrived - gone - inside)).toBeLessThanOrEqual(0.5 + 1e-6);
    }
    expect(rejected).toBeGreaterThan(1_000);
    expect(gone - rejected).toBeGreaterThan(5_000);
  });

  it('holds what comes while there is no server, and gives it up when told to', () => {
    const noise = new Noise(seededRandom(3));
    const queue = new OccupancyQueue(
      { service: { meanMs: 2_000, scv: 0 }, concurrency: 1, patienceS: 10 },
      noise,
    );
    queue.step({ seconds: 1, arrivals: 5, rate: 5, ready: 1 });
    queue.step({ seconds: 3, arrivals: 0, rate: 0, ready: 0 });
    // The one at work is finished by the server that left.
    expect(queue.served).toBeCloseTo(1);
    expect(queue.backlog).toBeCloseTo(4);
    expect(queue.abandon()).toBeCloseTo(4);
    expect(queue.count().inside).toBe(0);
  });
});
