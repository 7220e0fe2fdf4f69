import { componentName, decisionId } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { aComponent, anObservation } from './observation.testing.js';
import { decideSize, isNews, sizeAdvice, stepSizing, type SizeAdvice, type SizingState } from './sizing.js';

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

describe('a size to be applied', () => {
  const NOW_MS = 10_000_000;
  const limited = (cpus: number, memory: number, mode: 'advise' | 'apply' = 'apply') => {
    const none = { cpus: 0, memoryBytes: 0 };
    return aComponent('web', {
      resources: {
        limits: { cpus, memoryBytes: memory * MIB, pids: 0 },
        reservations: { ...none, pids: 0 },
      },
      sizing: { mode, least: none, most: none },
    });
  };
  const advised = (cpus: number, memory: number): SizeAdvice => ({
    component: WEB,
    cpus,
    memoryBytes: memory * MIB,
    minutes: 20,
  });
  const inMib = (size: ReturnType<typeof decideSize>) =>
    size && { cpus: size.cpus, memory: Math.round(size.memoryBytes / MIB) };

  it('is what is used and a margin, where that differs by fifteen per cent and the composition allows it', () => {
    expect(inMib(decideSize(limited(1, 512), advised(0.5, 200), undefined, NOW_MS))).toEqual({
      cpus: 0.5,
      memory: 200,
    });
    expect(decideSize(limited(1, 512), advised(0.9, 450), undefined, NOW_MS)).toBeNull();
    expect(decideSize(limited(1, 512, 'advise'), advised(0.5, 200), undefined, NOW_MS)).toBeNull();
    expect(decideSize(aComponent('web'), advised(0.5, 200), undefined, NOW_MS)).toBeNull();
  });

  it('limits nothing that the composition does not limit', () => {
    expect(inMib(decideSize(limited(0, 512), advised(0.5, 200), undefined, NOW_MS))).toEqual({
      cpus: 0,
      memory: 200,
    });
  });

  it('stays within the bounds, a quarter to four times what is said where none are', () => {
    expect(inMib(decideSize(limited(1, 512), advised(0.05, 8), undefined, NOW_MS))).toEqual({
      cpus: 0.25,
      memory: 128,
    });
    expect(inMib(decideSize(limited(0.1, 64), advised(3, 3_000), undefined, NOW_MS))).toEqual({
      cpus: 0.4,
      memory: 256,
    });
  });

  it('grows by half where use is up to the limit: nobody knows how much more there would be', () => {
    expect(inMib(decideSize(limited(1, 100), advised(0.9, 112), undefined, NOW_MS))).toEqual({
      cpus: 0.9,
      memory: 150,
    });
  });

  it('is changed once an hour at most', () => {
    const before = {
      v: 1,
      component: WEB,
      cpus: 1,
      memoryBytes: 512 * MIB,
      of: { cpus: 1, memoryBytes: 512 * MIB },
      reason: '',
      decision: decisionId('d'),
    } as const;
    const at = (ageMs: number) =>
      decideSize(limited(1, 512), advised(0.5, 200), { ...before, atMs: NOW_MS - ageMs }, NOW_MS);
    expect(at(3_599_000)).toBeNull();
    expect(at(3_600_000)).not.toBeNull();
  });
});
