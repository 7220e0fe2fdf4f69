import { describe, expect, it } from 'vitest';
import { seededRandom } from './random.js';

const draw = (seed: number, count: number): readonly number[] => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe(seededRandom.name, () => {
  it('draws the same again from the same seed, and others from another', () => {
    expect(draw(7, 20)).toEqual(draw(7, 20));
    expect(draw(7, 20)).not.toEqual(draw(8, 20));
  });

  it('is spread evenly', () => {
    const mean = draw(1, 10_000).reduce((sum, value) => sum + value, 0) / 10_000;
    expect(mean).toBeGreaterThan(0.48);
    expect(mean).toBeLessThan(0.52);
  });

  it('splits streams by name, whatever was drawn before', () => {
    const one = seededRandom(3);
    const other = seededRandom(3);
    other.next();
    expect(one.split('load').next()).toBe(other.split('load').next());
    expect(one.split('load').next()).not.toBe(one.split('faults').next());
  });

  it('refuses to pick from nothing', () => {
    expect(() => seededRandom(1).pick([])).toThrow(RangeError);
  });
});
