import { afterEach, describe, expect, it, vi } from 'vitest';
import { bootClock } from './clock.js';

afterEach(() => vi.useRealTimers());

const setUp = () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const uptimeS = vi.fn(() => 1_000);
  return { uptimeS, bootMs: bootClock(uptimeS) };
};

describe(bootClock.name, () => {
  it('is read seldom, runs on between the readings, and never goes back', () => {
    const { uptimeS, bootMs } = setUp();
    expect(bootMs()).toBe(1_000_000);
    vi.advanceTimersByTime(60);
    expect(bootMs()).toBe(1_000_060);
    expect(uptimeS).toHaveBeenCalledOnce();
    // Its resolution is ten milliseconds: what was said already stays true.
    vi.advanceTimersByTime(30);
    expect(bootMs()).toBe(1_000_090);
    vi.advanceTimersByTime(20);
    uptimeS.mockReturnValue(1_000.1);
    expect(bootMs()).toBeGreaterThanOrEqual(1_000_090);
    expect(uptimeS).toHaveBeenCalledTimes(2);
  });

  it('notices a suspend at the next question, however soon that comes', () => {
    const { uptimeS, bootMs } = setUp();
    expect(bootMs()).toBe(1_000_000);
    vi.advanceTimersByTime(5);
    // The machine slept for ten seconds: the monotonic clock stood still, the others did not.
    vi.setSystemTime(Date.now() + 10_000);
    uptimeS.mockReturnValue(1_010);
    expect(bootMs()).toBe(1_010_000);
  });
});
