import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseByWeight, chooseTarget, FULL_SCAN_MAX, type Candidate } from './choose.js';

const NOW = 1_000;

const candidates = (options: { minLength: number; maxLength: number }) =>
  fc
    .array(
      fc.record({
        inFlight: fc.nat(50),
        draining: fc.boolean(),
        ejectedUntilMs: fc.constantFrom(0, NOW - 1, NOW + 1),
      }),
      options,
    )
    .map((all) => all.map((each, i): Candidate => ({ key: `t${i}`, ...each })));

/** A generator of numbers in [0, 1) that fast-check can shrink. */
const randoms = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
const from = (stream: Iterator<number>) => () => stream.next().value as number;

describe(chooseTarget.name, () => {
  it('never picks a draining or tried one, nor an ejected one while another is left, and finds one if there is any', () => {
    fc.assert(
      fc.property(
        candidates({ minLength: 0, maxLength: 80 }),
        fc.nat(5),
        randoms,
        (all, triedCount, random) => {
          const tried = all.slice(0, triedCount).map(({ key }) => key);
          const usable = all.filter((each) => !each.draining && !tried.includes(each.key));
          const healthy = usable.filter((each) => each.ejectedUntilMs <= NOW);
          const picked = chooseTarget(all, tried, NOW, from(random));
          expect(picked === undefined).toBe(usable.length === 0);
          if (picked) expect(healthy.length > 0 ? healthy : usable).toContain(picked);
        },
      ),
    );
  });

  it('picks the least loaded of a small pool', () => {
    fc.assert(
      fc.property(candidates({ minLength: 1, maxLength: FULL_SCAN_MAX }), randoms, (all, random) => {
        const healthy = all.filter((each) => !each.draining && each.ejectedUntilMs <= NOW);
        fc.pre(healthy.length > 0);
        const least = Math.min(...healthy.map(({ inFlight }) => inFlight));
        expect(chooseTarget(all, [], NOW, from(random))?.inFlight).toBe(least);
      }),
    );
  });

  it('spreads equal loads evenly', () => {
    const all = [0, 1, 2, 3].map((i) => ({ key: `t${i}`, inFlight: 0, draining: false, ejectedUntilMs: 0 }));
    const picks = new Map<string, number>();
    for (let i = 0; i < 4_000; i += 1) {
      const key = chooseTarget(all, [], NOW, () => ((i * 7919) % 4_000) / 4_000)?.key ?? '';
      picks.set(key, (picks.get(key) ?? 0) + 1);
    }
    expect([...picks.values()]).toEqual([1_000, 1_000, 1_000, 1_000]);
  });
});

describe(chooseByWeight.name, () => {
  const healthy = (key: string): Candidate => ({ key, inFlight: 0, draining: false, ejectedUntilMs: 0 });

  it('gives each choice its share', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 2, maxLength: 5 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        fc.pre(total > 0);
        const choices = weights.map((weight, i) => ({ weight, targets: [healthy(`t${i}`)] }));
        const counts = weights.map(() => 0);
        const draws = total * 20;
        for (let i = 0; i < draws; i += 1) {
          const drawn = chooseByWeight(choices, [], NOW, () => (i + 0.5) / draws);
          const index = drawn ? choices.indexOf(drawn) : -1;
          counts[index] = (counts[index] ?? 0) + 1;
        }
        expect(counts).toEqual(weights.map((weight) => weight * 20));
      }),
    );
  });

  it('passes over a choice that has no endpoint, but never draws one of weight 0', () => {
    const none = { weight: 0.9, targets: [] };
    const rest = { weight: 0.1, targets: [healthy('a')] };
    expect(chooseByWeight([none, rest], [], NOW, () => 0)).toBe(rest);
    expect(chooseByWeight([none, { ...rest, weight: 0 }], [], NOW, () => 0)).toBeUndefined();
  });
});
