import { describe, expect, it } from 'vitest';
import { capacityOf, EMPTY_MODEL, isGuessed, type InstanceModel } from './instance-model.js';
import { observeInstances } from './instance-learning.js';
import { anObservation, aWindow, someRequests } from './observation.testing.js';

/** Five instances that take 50 ms a request, one at a time. */
const known: InstanceModel = {
  ...EMPTY_MODEL,
  version: 'v1',
  serviceMs: 50,
  serviceP95Ms: 100,
  serviceKnown: true,
  windows: 10,
  provenBusy: 0.6,
  busy: 0.6,
};

const seen = (
  from: InstanceModel,
  rate: number,
  meanMs: number,
  inFlight: number,
  seconds: number,
  growth = 1,
): InstanceModel => {
  let model = from;
  for (let second = 0; second < seconds; second += 1) {
    const requests = someRequests(aWindow({ rate, meanMs, p95Ms: 2 * meanMs }), {
      inFlight: inFlight + growth * second,
    });
    const observation = anObservation({ nowMs: 1_000_000 + second * 1_000, count: 5, ready: 5, requests });
    model = observeInstances(model, observation, 200);
  }
  return model;
};

/** Of a component whose requests take 50 ms and wait 215 ms for what it calls, each measured with chance errors. */
const calling = (from: InstanceModel, seconds: number, ownMs = 50): InstanceModel => {
  let model = from;
  for (let second = 0; second < seconds; second += 1) {
    // Two waves whose lengths share nothing: errors of 12 ms at most in what it takes, of 25 ms in what was taken out.
    const meanMs = ownMs + 215 + 12 * Math.sin(1.7 * second);
    const outsideMs = 215 + 25 * Math.sin(2.3 * second + 1);
    const requests = someRequests(aWindow({ rate: 60, meanMs, p95Ms: meanMs + 110 }), { inFlight: 16 });
    const downstream = { last1Ms: outsideMs, last10Ms: outsideMs, spreadMs: 100, inFlight: 13 };
    const at = { nowMs: 1_000_000 + second * 1_000, count: 5, ready: 5, requests, downstream };
    model = observeInstances(model, anObservation(at), 810);
  }
  return model;
};

/** Of so many instances together, in seconds that are all alike. */
const steadily = (
  from: InstanceModel,
  seconds: number,
  seen: { readonly ready: number; readonly rate: number; readonly meanMs: number },
  said = 0,
): InstanceModel => {
  let model = from;
  const { ready, rate, meanMs } = seen;
  for (let second = 0; second < seconds; second += 1) {
    const window = aWindow({ rate, meanMs, p95Ms: 1.8 * meanMs });
    const inFlight = Math.round((rate * meanMs) / 1_000);
    const requests = someRequests(window, { inFlight });
    const at = { nowMs: 1_000_000 + second * 1_000, count: ready, ready, requests };
    model = observeInstances(model, anObservation(at), 300, said);
  }
  return model;
};

describe('capacity of a small pool', () => {
  it('is read from moderate waits by the spread of service: a queue before one server is short where service varies little', () => {
    // One server at 45 % whose service varies by √0.2 of its mean: waits take (1 + 0.2) / 2 · 0.45 / 0.55 of a service (Pollaczek, Khinchine).
    const meanMs = 50 * (1 + (0.6 * 0.45) / 0.55);
    const one: InstanceModel = { ...known, serviceP95Ms: 92, provenBusy: 0.5, busy: 0.7 };
    const model = steadily(one, 300, { ready: 1, rate: 9, meanMs });
    expect(model.capacity).toBeGreaterThan(17);
    expect(model.capacity).toBeLessThan(23);
  });
});

describe('how many at once an instance bears', () => {
  it('is seen in windows long enough to leave little to chance', () => {
    // 66 a second and instance at 20 ms each: 1.3 at once, which one second alone would not prove.
    const model = steadily(EMPTY_MODEL, 30, { ready: 2, rate: 132, meanMs: 20 });
    expect(model.provenBusy).toBeGreaterThan(1.2);
    expect(capacityOf(model, 0)).toBeGreaterThan(75);
  });

  it('is seen over minutes where even a long window has few requests', () => {
    // Two a second and instance at half a second each: a minute of 480 leaves a fifth of it to chance.
    const half: InstanceModel = { ...known, serviceMs: 500, serviceP95Ms: 900, provenBusy: 0.5 };
    const model = steadily(half, 400, { ready: 4, rate: 8, meanMs: 500 });
    expect(model.provenBusy).toBeGreaterThan(0.9);
    expect(model.provenBusy).toBeLessThanOrEqual(1);
  });

  it('is tried where one is all that was ever asked and nothing waits', () => {
    const one: InstanceModel = { ...known, serviceMs: 30, serviceP95Ms: 60, provenBusy: 0.8, busy: 0.8 };
    const before = capacityOf(one, 0);
    const idle = steadily(one, 900, { ready: 5, rate: 60, meanMs: 30 });
    expect(capacityOf(idle, 0)).toBeCloseTo(before, 1);
    const busy = steadily(one, 900, { ready: 5, rate: 160, meanMs: 30 });
    expect(capacityOf(busy, 0)).toBeGreaterThan(1.2 * before);
    expect(capacityOf(busy, 0)).toBeLessThanOrEqual(1.5 * before);
    // Waits say what it is.
    const waiting = steadily(busy, 120, { ready: 5, rate: 160, meanMs: 50 });
    expect(waiting.capacity).toBeLessThan(1.15 * before);
    expect(waiting.capacity).toBeGreaterThan(160 / 5);
  });

  it('is what the user says, whatever slow seconds look like, until instances are full', () => {
    const quiet = { ready: 2, rate: 16, meanMs: 50 };
    expect(capacityOf(steadily(EMPTY_MODEL, 30, quiet), 0)).toBeLessThan(30);
    const told = steadily(EMPTY_MODEL, 30, quiet, 8);
    expect(capacityOf(told, 0)).toBeCloseTo(160, 0);
    expect(isGuessed({ ...told, provenBusy: 2 })).toBe(false);
    const slow = steadily(told, 60, { ...quiet, meanMs: 75 }, 8);
    expect(capacityOf(slow, 0)).toBeGreaterThan(100);
    // Two at once is what they really bear: twenty requests are inside, and eighty a second are completed.
    const full = steadily(told, 60, { ready: 2, rate: 80, meanMs: 250 }, 8);
    expect(capacityOf(full, 0)).toBeCloseTo(40, 0);
    // It is known from then on.
    expect(capacityOf(steadily(full, 60, { ...quiet, rate: 60 }, 8), 0)).toBeLessThan(45);
  });

  it('is not doubted by slow seconds while no more are inside than it has borne', () => {
    const several: InstanceModel = { ...known, serviceMs: 10, serviceP95Ms: 30, provenBusy: 15, busy: 10 };
    const before = capacityOf(several, 0);
    const slow = steadily(several, 60, { ready: 5, rate: 2_500, meanMs: 21 });
    expect(capacityOf(slow, 0)).toBeGreaterThan(0.5 * before);
    const waiting = steadily(several, 60, { ready: 5, rate: 2_500, meanMs: 80 });
    expect(waiting.capacity).toBeLessThan(600);
  });
});

describe('service time', () => {
  it('is that of the mean window, not of those that chance made short', () => {
    let model: InstanceModel = { ...known, windows: 0, serviceMs: 0, serviceKnown: false };
    for (let second = 0; second < 600; second += 1) {
      // Ten requests a second that take unlike long: a second says half or double, ten seconds a sixth more or less.
      const last1 = aWindow({ rate: 20, meanMs: 50 * (1 + 0.5 * Math.sin(1.7 * second)), seconds: 1 });
      const last10 = aWindow({ rate: 20, meanMs: 50 * (1 + 0.15 * Math.sin(0.31 * second)) });
      const requests = { ...someRequests(last10), last1, last60: null };
      const at = { nowMs: 1_000_000 + second * 1_000, count: 5, ready: 5, requests };
      model = observeInstances(model, anObservation(at), null);
    }
    expect(model.serviceMs).toBeGreaterThan(44);
    expect(model.serviceMs).toBeLessThan(58);
  });

  it('is that of many windows where each has few requests and shares most of them with the one before', () => {
    let model: InstanceModel = { ...known, serviceMs: 10_000, serviceP95Ms: 18_000 };
    for (let second = 0; second < 1_800; second += 1) {
      const last10 = aWindow({ rate: 2, meanMs: 10_000 * (1 + 0.2 * Math.sin(0.43 * second)) });
      const last60 = aWindow({ rate: 2, meanMs: 10_000 * (1 + 0.1 * Math.sin(0.071 * second)), seconds: 60 });
      const requests = { ...someRequests(last10), last60, inFlight: 20 };
      const at = { nowMs: 1_000_000 + second * 1_000, count: 30, ready: 30, requests };
      model = observeInstances(model, anObservation(at), 30_000);
    }
    expect(model.serviceMs).toBeGreaterThan(9_600);
    expect(model.serviceMs).toBeLessThan(10_400);
  });

  it('is learned anew where requests become heavier: with so few inside none of them waits', () => {
    const light: InstanceModel = { ...known, provenBusy: 1, capacity: 20, measuredCapacity: 20, limit: 20 };
    const model = steadily(light, 900, { ready: 40, rate: 320, meanMs: 80 });
    expect(model.serviceMs).toBeGreaterThan(70);
    // Where as many are inside as would be if they waited, they wait.
    const waiting = steadily(light, 900, { ready: 40, rate: 790, meanMs: 80 });
    expect(waiting.serviceMs).toBe(50);
  });
});

describe('service time of a component that calls others', () => {
  it('is what it takes itself, not the least of many differences that chance made too small', () => {
    const model = calling(EMPTY_MODEL, 600);
    expect(model.serviceMs).toBeGreaterThan(42);
    expect(model.serviceMs).toBeLessThan(58);
    // √(110² − 100²) above the mean.
    expect(model.serviceP95Ms - model.serviceMs).toBeGreaterThan(35);
    expect(model.serviceP95Ms - model.serviceMs).toBeLessThan(60);
  });

  it('is found again when it was taken for too short', () => {
    const short: InstanceModel = { ...known, version: 'v1', serviceMs: 12, serviceP95Ms: 200 };
    expect(calling(short, 600).serviceMs).toBeGreaterThan(40);
  });
});

describe('the first requests of an instance', () => {
  const after = (seconds: number, outsideMs: number): InstanceModel => {
    let model = EMPTY_MODEL;
    for (let second = 0; second < seconds; second += 1) {
      // 50 ms each and hardly varying, but for the first second, when code is loaded and connections are opened.
      const [ownMs, p95Ms] = second === 0 ? [100, 200] : [50, 60];
      const window = aWindow({ rate: 20, meanMs: ownMs + outsideMs, p95Ms: p95Ms + outsideMs });
      const downstream =
        outsideMs === 0
          ? null
          : { last1Ms: outsideMs, last10Ms: outsideMs, spreadMs: 0, inFlight: (20 * outsideMs) / 1_000 };
      const at = { nowMs: 1_000_000 + second * 1_000, count: 2, ready: 2, downstream };
      const requests = someRequests(window, { inFlight: 1 + (20 * outsideMs) / 1_000 });
      model = observeInstances(model, anObservation({ ...at, requests }), 250);
    }
    return model;
  };

  it('say nothing of how much service times vary', () => {
    expect(after(1, 0).serviceP95Ms).toBe(100);
    expect(after(1, 40).serviceP95Ms).toBe(100);
  });

  it.each([0, 40])(
    'are forgotten within seconds, also where %i ms are spent in what it calls',
    (outsideMs) => {
      const model = after(8, outsideMs);
      expect(model.serviceMs).toBeLessThan(53);
      expect(model.serviceP95Ms).toBeGreaterThan(57);
      expect(model.serviceP95Ms).toBeLessThan(63);
    },
  );
});

describe('capacity of an instance', () => {
  it('is what it completes while a queue grows and answers take long', () => {
    expect(seen(known, 100, 400, 60, 4).capacity).toBeCloseTo(20, 5);
  });

  it('is not what is asked of it, however many are inside by chance, while answers are as quick as ever', () => {
    expect(seen(known, 55, 54, 12, 4).capacity).toBe(0);
  });

  it('is doubted where it says less than one request at a time, until nothing contradicts that', () => {
    const wrong: InstanceModel = { ...known, capacity: 11.5, measuredCapacity: 11.5 };
    let model = wrong;
    for (let minute = 0; minute < 60; minute += 1) model = seen(model, 30, 50, 1, 60, 0);
    expect(capacityOf(model, 0)).toBeGreaterThan(19);
    expect(capacityOf(model, 0)).toBeLessThan(22);
  });

  it('is doubted where it says less than was completed once, but not where a request takes longer since', () => {
    // Each of them completed 76 a second once: nearly four at once.
    const wrong = {
      ...known,
      provenRate: 76,
      provenMs: 50,
      provenBusy: 1.8,
      capacity: 36,
      measuredCapacity: 36,
    };
    const later = seen(wrong, 100, 50, 5, 2_700, 0);
    expect(capacityOf(later, 0)).toBeCloseTo(76, 3);
    const slower = seen({ ...wrong, serviceMs: 100 }, 50, 100, 5, 2_700, 0);
    expect(capacityOf(slower, 0)).toBeLessThan(38);
  });

  it('that was doubted comes down again with what one request at a time allows', () => {
    const wrong: InstanceModel = { ...known, serviceMs: 45, capacity: 11.5, measuredCapacity: 11.5 };
    let model = wrong;
    for (let minute = 0; minute < 60; minute += 1) model = seen(model, 30, 45, 1, 60, 0);
    expect(capacityOf(model, 0)).toBeGreaterThan(21.5);
    for (let minute = 0; minute < 5; minute += 1) model = seen(model, 30, 55, 1, 60, 0);
    expect(capacityOf(model, 0)).toBeLessThan(18.8);
  });

  it('is not the largest of what chance lets be completed while a queue shrinks', () => {
    // Around 100 a second by all five, by chance up to 15 more or less, until nothing is left to wait.
    let model: InstanceModel = { ...known, capacity: 20, measuredCapacity: 20, saturatedRuns: 2, busy: 40 };
    for (let second = 0; second < 30; second += 1) {
      const requests = someRequests(aWindow({ rate: 100 + 15 * Math.sin(1.9 * second), meanMs: 900 }), {
        inFlight: 200 - 5 * second,
      });
      const at = { nowMs: 1_000_000 + second * 1_000, count: 5, ready: 5, requests };
      model = observeInstances(model, anObservation(at), 200);
    }
    expect(model.capacity).toBe(20);
  });

  it('is nothing that two instances complete in two busy seconds, but what they complete in many', () => {
    const burst = (seconds: number): InstanceModel => {
      let model = known;
      for (let second = 0; second < seconds; second += 1) {
        const window = aWindow({ rate: 24, meanMs: 140, p95Ms: 260 });
        const at = { nowMs: 1_000_000 + second * 1_000, count: 2, ready: 2 };
        const requests = someRequests(window, { inFlight: 5 + second });
        model = observeInstances(model, anObservation({ ...at, requests }), 200);
      }
      return model;
    };
    expect(burst(3).capacity).toBe(0);
    expect(burst(10).capacity).toBeCloseTo(12, 6);
  });

  it('is not read from some slow windows of a quiet instance', () => {
    let model: InstanceModel = { ...known, provenBusy: 0.2, busy: 0.4 };
    for (let minute = 0; minute < 30; minute += 1) {
      model = steadily(model, 50, { ready: 1, rate: 10, meanMs: 50 });
      model = steadily(model, 6, { ready: 1, rate: 10, meanMs: 70 });
    }
    expect(model.capacity).toBe(0);
    // But where they stay slow, something waits.
    expect(steadily(model, 60, { ready: 1, rate: 10, meanMs: 70 }).capacity).toBeGreaterThan(0);
  });

  it('is not refuted by what was completed for minutes before it was measured', () => {
    const quick: InstanceModel = { ...known, calmRate: 15, calmS: 300 };
    const limited = seen(quick, 50, 500, 40, 20, 5);
    expect(limited.limit).toBeCloseTo(10, 0);
    expect(capacityOf(steadily(limited, 60, { ready: 5, rate: 20, meanMs: 55 }), 0)).toBeLessThan(12);
  });

  it('is not read from a minute of few requests that took somewhat longer, but from several', () => {
    const slow: InstanceModel = { ...known, serviceMs: 10_000, serviceP95Ms: 18_000, provenBusy: 0.9 };
    const after = (seconds: number): number => {
      let model = slow;
      for (let second = 0; second < seconds; second += 1) {
        const requests = someRequests(aWindow({ rate: 2, meanMs: 14_000 }), { inFlight: 28 });
        const at = { nowMs: 1_000_000 + second * 1_000, count: 20, ready: 20, requests };
        model = observeInstances(model, anObservation(at), 30_000);
      }
      return model.capacity;
    };
    expect(after(60)).toBe(0);
    expect(after(240)).toBeGreaterThan(0);
  });

  /** A pool that is asked as much as it is thought to bear but for a twentieth; each of it really completes `limit` a second. */
  const filled = (from: InstanceModel, hours: number, limit: number) => {
    let model = from;
    let short = 0;
    const ready = 20;
    for (let second = 0; second < 3_600 * hours; second += 1) {
      const asked = 0.95 * capacityOf(model, 0);
      const isShort = asked > limit;
      if (isShort) short += 1;
      const meanMs = isShort ? 150 : asked > 0.97 * limit ? 80 : 50;
      const rate = ready * Math.min(asked, limit);
      const requests = someRequests(aWindow({ rate, meanMs, p95Ms: 2 * meanMs }), {
        inFlight: (rate * meanMs) / 1_000 + (isShort ? second % 7 : 0),
      });
      const at = { nowMs: 1_000_000 + second * 1_000, count: ready, ready, requests };
      model = observeInstances(model, anObservation(at), 300);
    }
    return { model, short };
  };

  const limited: InstanceModel = { ...known, provenBusy: 0.9, capacity: 20, measuredCapacity: 20, limit: 20 };

  it('is doubted, and then forgotten, where nothing waits for long at nearly as much', () => {
    const { model } = filled(limited, 2, 300);
    expect(capacityOf(model, 0)).toBeGreaterThan(60);
  });

  it('is doubted ever more seldom where it is found again', () => {
    const { model, short } = filled(limited, 6, 20);
    expect(model.capacity).toBeLessThan(23);
    expect(model.patience).toBeGreaterThan(limited.patience);
    expect(short).toBeLessThan(0.01 * 6 * 3_600);
  });

  it('stays what was measured where that is plausible', () => {
    const right: InstanceModel = { ...known, capacity: 20.5, measuredCapacity: 20.5 };
    let model = right;
    for (let minute = 0; minute < 60; minute += 1) model = seen(model, 30, 50, 1, 60, 0);
    expect(capacityOf(model, 0)).toBeLessThan(21);
  });

  it('is a guess where more than one request at once is asked of an instance that was never at its limit', () => {
    expect(isGuessed(known)).toBe(false);
    // One at a time, whatever the tenth more that it may bear.
    expect(isGuessed({ ...known, provenBusy: 1 })).toBe(false);
    expect(isGuessed({ ...known, provenBusy: 3 })).toBe(true);
    expect(isGuessed({ ...known, provenBusy: 3, capacity: 80 })).toBe(false);
  });
});
