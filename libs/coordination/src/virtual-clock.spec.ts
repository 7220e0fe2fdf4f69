import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { every, pause } from './clock.js';
import { VirtualClock } from './virtual-clock.js';

describe(VirtualClock.name, () => {
  it('runs timers in the order of their time, those of one time in the order they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 60 }), async (delays) => {
        const clock = new VirtualClock();
        const ran: (readonly [number, number])[] = [];
        for (const [index, delay] of delays.entries()) clock.setTimer(delay, () => ran.push([delay, index]));
        await clock.advance(50);
        const wanted = delays.map((delay, index) => [delay, index] as const);
        expect(ran).toEqual(wanted.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
      }),
    );
  });

  it('never runs a cancelled timer, also when it is cancelled by one of the same time', async () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    let cancelSecond = (): void => undefined;
    clock.setTimer(5, () => {
      ran.push('first');
      cancelSecond();
    });
    cancelSecond = clock.setTimer(5, () => ran.push('second'));
    clock.setTimer(1, () => ran.push('early'))();
    await clock.advance(10);
    expect(ran).toEqual(['first']);
  });

  it('moves on with every timer, so that waiting for a rest that rounding left over ends', async () => {
    const clock = new VirtualClock();
    await clock.advance(22_215.37);
    const dueMs = clock.monotonicMs() + 3e-12;
    const looks: number[] = [];
    const look = (): void => {
      looks.push(clock.monotonicMs());
      if (looks.length < 10 && clock.monotonicMs() <= dueMs) clock.setTimer(3e-12, look);
    };
    look();
    await clock.advance(1);
    expect(looks).toHaveLength(2);
  });

  it('lets long chains of promises settle before the next timer', async () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.setTimer(1, () => {
      void (async () => {
        for (let i = 0; i < 100; i += 1) await Promise.resolve();
        ran.push(`chain at ${clock.monotonicMs()}`);
      })();
    });
    clock.setTimer(2, () => ran.push('timer'));
    await clock.advance(2);
    expect(ran).toEqual(['chain at 1', 'timer']);
  });
});

describe(every.name, () => {
  it('comes again each period until it is ended', async () => {
    const clock = new VirtualClock();
    let runs = 0;
    const end = every(clock, 10, () => (runs += 1));
    await clock.advance(35);
    expect(runs).toBe(3);
    end();
    await clock.advance(50);
    expect(runs).toBe(3);
  });
});

describe(pause.name, () => {
  it('takes virtual time, and less when it is aborted', async () => {
    const clock = new VirtualClock();
    const ending = new AbortController();
    const ended: string[] = [];
    void pause(clock, 100).then(() => ended.push('whole'));
    void pause(clock, 100, ending.signal).then(() => ended.push('aborted'));
    clock.setTimer(10, () => ending.abort());
    await clock.advance(50);
    expect(ended).toEqual(['aborted']);
    await clock.advance(50);
    expect(ended).toEqual(['aborted', 'whole']);
  });
});
