import { componentName } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { aComponent, anObservation } from './observation.testing.js';
import { isNews, sizeAdvice, stepSizing, type SizingState } from './sizing.js';

const WEB = componentName('web');
const MIB = 1024 * 1024;

/** One sample each five seconds. */
const run = (
  minutes: number,
  at: (minute: number) => { readonly cpu: number; readonly memory: number } | null,
  from?: SizingState,
  version = 'v1',
): SizingState => {
  let state = from;
  const startMs = (state?.minuteMs ?? 0) + 60_000;
  for (let second = 0; second <= minutes * 60; second += 5) {
    const use = at(Math.floor(second / 60));
    state = stepSizing(
      state,
      anObservation({
        version,
        nowMs: startMs + second * 1_000,
        usage: use && { cpuCores: use.cpu * 3, memoryBytes: use.memory * 3, instancesSeen: 3 },
      }),
    );
  }
  return state!;
};

describe('sizing', () => {
  it('says nothing before ten minutes', () => {
    expect(
      sizeAdvice(
        WEB,
        run(9, () => ({ cpu: 0.5, memory: 100 * MIB })),
      ),
    ).toBeNull();
  });

  it('recommends what an instance uses, with a margin', () => {
    const advice = sizeAdvice(
      WEB,
      run(60, () => ({ cpu: 0.4, memory: 100 * MIB })),
    )!;
    expect(advice.cpus).toBeGreaterThanOrEqual(0.4 * 1.15);
    expect(advice.cpus).toBeLessThanOrEqual(0.4 * 1.15 * 1.05 + 0.05);
    expect(advice.memoryBytes).toBeGreaterThanOrEqual(115 * MIB);
    expect(advice.memoryBytes).toBeLessThanOrEqual(100 * MIB * 1.15 * 1.05 + 8 * MIB);
  });

  it('takes memory by its peaks and processor time by what is usual', () => {
    const spiky = (minute: number) =>
      minute % 20 === 7 ? { cpu: 2, memory: 400 * MIB } : { cpu: 0.2, memory: 100 * MIB };
    const advice = sizeAdvice(WEB, run(240, spiky))!;
    expect(advice.cpus).toBeLessThan(0.5);
    expect(advice.memoryBytes).toBeGreaterThan(400 * MIB);
  });

  it('forgets a version with the version', () => {
    const old = run(60, () => ({ cpu: 2, memory: 400 * MIB }));
    const fresh = run(30, () => ({ cpu: 0.1, memory: 50 * MIB }), old, 'v2');
    expect(sizeAdvice(WEB, fresh)).toMatchObject({ minutes: 30 });
    expect(sizeAdvice(WEB, fresh)!.cpus).toBeLessThan(0.3);
  });

  it('learns nothing from silence', () => {
    const busy = run(60, () => ({ cpu: 1, memory: 100 * MIB }));
    const silent = run(120, () => null, busy);
    // The minute that was open when the silence began is closed once.
    expect(silent.minutes - busy.minutes).toBeLessThanOrEqual(1);
    expect(sizeAdvice(WEB, silent)!.cpus).toBe(sizeAdvice(WEB, busy)!.cpus);
  });

  it('is news only when it differs from what the composition says and from what was told', () => {
    const advice = sizeAdvice(
      WEB,
      run(60, () => ({ cpu: 0.4, memory: 100 * MIB })),
    )!;
    const sized = (cpus: number, memoryBytes: number) =>
      aComponent('web', {
        resources: {
          limits: { cpus, memoryBytes, pids: 0 },
          reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
        },
      });
    expect(isNews(advice, sized(0, 0), undefined)).toBe(true);
    expect(isNews(advice, sized(0, 0), advice)).toBe(false);
    expect(isNews(advice, sized(0.5, 120 * MIB), undefined)).toBe(false);
    expect(isNews(advice, sized(4, 120 * MIB), undefined)).toBe(true);
  });
});
