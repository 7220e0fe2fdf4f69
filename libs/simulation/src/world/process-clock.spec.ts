import { VirtualClock } from '@mitosis/coordination';
import { describe, expect, it } from 'vitest';
import { ProcessClock } from './process-clock.js';

const setUp = () => {
  const world = new VirtualClock();
  const clock = new ProcessClock(world);
  const ran: number[] = [];
  const timer = (ms: number) => clock.setTimer(ms, () => ran.push(world.monotonicMs()));
  return { world, clock, ran, timer };
};

describe(ProcessClock.name, () => {
  it('runs timers late that fell due while the process was stopped; its clocks went on', async () => {
    const { world, clock, ran, timer } = setUp();
    timer(10);
    clock.stop();
    await world.advance(50);
    expect(ran).toEqual([]);
    clock.resume();
    expect(clock.monotonicMs()).toBe(50);
    await world.advance(0);
    expect(ran).toEqual([50]);
  });

  it('moves timers on by the time the machine slept; only the boot clock went on', async () => {
    const { world, clock, ran, timer } = setUp();
    timer(10);
    await world.advance(4);
    clock.sleep();
    await world.advance(100);
    clock.resume();
    expect([clock.monotonicMs(), clock.bootMs()]).toEqual([4, 104]);
    await world.advance(100);
    expect(ran).toEqual([110]);
  });

  it('takes in what arrived while it was stopped before what arrives now', async () => {
    const world = new VirtualClock();
    const clock = new ProcessClock(world);
    const seen: string[] = [];
    clock.stop();
    clock.receive(() => {
      seen.push('held first');
      clock.receive(() => seen.push('answer to the first'));
    });
    clock.receive(() => seen.push('held second'));
    clock.resume();
    clock.receive(() => seen.push('after'));
    await world.advance(1);
    expect(seen).toEqual(['held first', 'held second', 'after', 'answer to the first']);
  });

  it('never runs anything of a dead process, nor what was cancelled while it was stopped', async () => {
    const { world, clock, ran, timer } = setUp();
    const cancel = timer(10);
    clock.stop();
    await world.advance(20);
    cancel();
    clock.resume();
    await world.advance(1);
    timer(5);
    clock.kill();
    await world.advance(20);
    expect(ran).toEqual([]);
  });
});
