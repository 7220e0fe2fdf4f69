import * as os from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.js';

vi.mock('node:os', async (original) => {
  const real = await original<typeof os>();
  return { ...real, uptime: vi.fn(real.uptime) };
});

const readings = vi.mocked(os.uptime);

afterEach(() => vi.useRealTimers());

describe('the boot clock', () => {
  it('is read seldom, runs on between the readings, and never goes back', () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    readings.mockReturnValue(1_000);
    vi.advanceTimersByTime(1_000);
    const first = systemClock.bootMs();
    const before = readings.mock.calls.length;
    vi.advanceTimersByTime(60);
    expect(systemClock.bootMs()).toBe(first + 60);
    expect(readings.mock.calls).toHaveLength(before);
    // Its resolution is ten milliseconds: what was said already stays true.
    vi.advanceTimersByTime(60);
    readings.mockReturnValue(1_000.11);
    const second = systemClock.bootMs();
    expect(readings.mock.calls).toHaveLength(before + 1);
    expect(second).toBeGreaterThanOrEqual(first + 110);
  });

  it('notices a suspend at the next question, however soon that comes', () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    readings.mockReturnValue(2_000);
    vi.advanceTimersByTime(1_000);
    expect(systemClock.bootMs()).toBe(2_000_000);
    vi.advanceTimersByTime(5);
    // The machine slept for ten seconds: the monotonic clock stood still, the others did not.
    vi.setSystemTime(Date.now() + 10_000);
    readings.mockReturnValue(2_010);
    expect(systemClock.bootMs()).toBe(2_010_000);
  });
});
