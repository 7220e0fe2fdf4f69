import { siteId } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { entryEndpoints } from './entry.js';
import { buildTable, mergeInputs, NO_INPUTS } from './table.js';
import { component, endpoint, listener, observed, spec } from './table.testing.js';

const SITES = [
  {
    v: 1 as const,
    site: siteId('local'),
    listeners: [
      listener('web/default', 'web', 40_001),
      listener('web/default@0.0.0.0:8080', 'web', 8_080, 'http', true),
      listener('db/default', 'db', 40_002, 'tcp'),
    ],
  },
];
const tableWith = (state: 'ready' | 'draining') =>
  buildTable(
    mergeInputs(
      NO_INPUTS,
      observed({ spec: spec('web', [component('web')]), endpoints: { web: [endpoint('web-a', 1, state)] } }),
    ),
  );

describe(entryEndpoints.name, () => {
  it('names the internal listeners of the entry, ready when an instance takes requests', () => {
    expect(entryEndpoints('shop', 'web', SITES, tableWith('ready'))).toEqual({
      level: 'shop',
      ready: true,
      endpoints: [{ port: 'default', host: '127.0.0.1', number: 40_001 }],
    });
    expect(entryEndpoints('shop', 'web', SITES, tableWith('draining')).ready).toBe(false);
    expect(entryEndpoints('shop', 'web', SITES, undefined).ready).toBe(false);
  });

  it('has nothing to tell of a level without an entry', () => {
    expect(entryEndpoints('shop', null, SITES, tableWith('ready'))).toEqual({
      level: 'shop',
      ready: false,
      endpoints: [],
    });
  });
});
