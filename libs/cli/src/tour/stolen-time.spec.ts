import { describe, expect, it } from 'vitest';
import { stolenBetween, ticksIn } from './stolen-time.js';

const statOf = (user: number, idle: number, steal: number): string =>
  `cpu  ${user} 10 20 ${idle} 5 0 1 ${steal} 3 0\ncpu0 ${user} 10 20 ${idle} 5 0 1 ${steal} 3 0\nintr 1 2 3\n`;

describe('stolen processor time', () => {
  it('is the eighth number of the first line; guests are counted in user already', () => {
    expect(ticksIn(statOf(100, 200, 50))).toEqual({ all: 386, stolen: 50 });
  });

  it('is a share of all time that passed', () => {
    const [from, to] = [ticksIn(statOf(100, 200, 50)), ticksIn(statOf(140, 230, 80))];
    expect(from !== null && to !== null && stolenBetween(from, to)).toBeCloseTo(0.3);
    expect(from !== null && stolenBetween(from, from)).toBe(0);
  });

  it('is unknown where the kernel does not say it', () => {
    expect(ticksIn('cpu  1 2 3 4\n')).toBeNull();
    expect(ticksIn('')).toBeNull();
  });
});
