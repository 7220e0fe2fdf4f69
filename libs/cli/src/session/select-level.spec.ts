import { agent } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { selectLevel, splitLevel, withDescendants } from './select-level.js';

const info = (level: string, parent = ''): agent.LevelInfo => agent.LevelInfo.fromPartial({ level, parent });
const LEVELS = [info('shop.catalog.deep', 'shop.catalog'), info('shop'), info('shop.catalog', 'shop')];

describe('which level is meant', () => {
  it('is the only root when none is named', () => {
    expect(selectLevel(LEVELS, undefined).level).toBe('shop');
  });
  it('must be named when there are several roots', () => {
    expect(() => selectLevel([...LEVELS, info('blog')], undefined)).toThrow(/blog.*shop/);
  });
  it('is told with what there is when it does not exist', () => {
    expect(() => selectLevel(LEVELS, 'shp')).toThrow(/no level shp.*shop\.catalog/);
  });
  it('is the first argument only when a level is called so', () => {
    expect(splitLevel(['shop', 'web=3'], LEVELS, 1)).toEqual({ level: 'shop', rest: ['web=3'] });
    expect(splitLevel(['web=3', 'api=2'], LEVELS, 1)).toEqual({ level: undefined, rest: ['web=3', 'api=2'] });
  });
  it('is never the argument a command cannot do without', () => {
    expect(splitLevel(['shop'], LEVELS, 1)).toEqual({ level: undefined, rest: ['shop'] });
    expect(splitLevel(['shop'], LEVELS, 0)).toEqual({ level: 'shop', rest: [] });
  });
  it('comes with everything below it, parents first', () => {
    expect(withDescendants(LEVELS, 'shop').map(({ level }) => level)).toEqual([
      'shop',
      'shop.catalog',
      'shop.catalog.deep',
    ]);
  });
});
