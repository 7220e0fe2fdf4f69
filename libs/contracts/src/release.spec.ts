import { describe, expect, it } from 'vitest';
import { bareTypeGraph } from './bare-graph.js';
import { levelId } from './ids.js';
import { managedLevel, youngSpace } from './release.js';

const mebibytes = (components: number): number => Number(youngSpace(components).split('=')[1]);

describe('how managers are started', () => {
  it('with a young space that grows with the level, within bounds', () => {
    expect([0, 1, 32].map(mebibytes)).toEqual([4, 4, 4]);
    expect([33, 100, 250, 1_000, 100_000].map(mebibytes)).toEqual([8, 16, 32, 128, 128]);
  });

  it('as the least level while nothing is known of it', () => {
    expect(managedLevel(undefined)).toEqual({ managers: 1, components: 0 });
    expect(managedLevel(bareTypeGraph(levelId('shop'), [])).components).toBe(0);
  });
});
