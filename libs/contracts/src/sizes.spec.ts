import { describe, expect, it } from 'vitest';
import { bareComponent, bareTypeGraph } from './bare-graph.js';
import { componentName, decisionId } from './ids.js';
import type { SizeRecord } from './records.js';
import { asSaid, graphInSize, inSize } from './sizes.js';
import type { SizingPolicy } from './type-graph.js';

const MIB = 1024 * 1024;
const none = { cpus: 0, memoryBytes: 0 };
const apply: SizingPolicy = { mode: 'apply', least: none, most: none };

const web = bareComponent('web', {
  version: 'abc',
  sizing: apply,
  resources: {
    limits: { cpus: 1, memoryBytes: 512 * MIB, pids: 7 },
    reservations: { cpus: 0.5, memoryBytes: 256 * MIB, pids: 0 },
  },
});

const record = (cpus: number, memory: number, overrides: Partial<SizeRecord> = {}): SizeRecord => ({
  v: 1,
  component: componentName('web'),
  cpus,
  memoryBytes: memory * MIB,
  of: { cpus: 1, memoryBytes: 512 * MIB },
  atMs: 0,
  reason: '',
  decision: decisionId('d'),
  ...overrides,
});

describe('a component in the size that was learned', () => {
  it('has other limits and another version, reservations within them, and knows what the composition said', () => {
    const sized = inSize(web, record(0.4, 200));
    expect(sized).toMatchObject({
      version: 'abc-400m-200M',
      resources: {
        limits: { cpus: 0.4, memoryBytes: 200 * MIB, pids: 7 },
        reservations: { cpus: 0.4, memoryBytes: 200 * MIB },
      },
      said: { version: 'abc', resources: web.resources },
    });
    expect(asSaid(sized)).toEqual(web);
    expect(inSize(sized, record(0.4, 200))).toBe(sized);
  });

  it('follows a newer record, and goes back when the record is gone, is of other limits, or is not wanted', () => {
    const sized = inSize(web, record(0.4, 200));
    expect(inSize(sized, record(0.6, 200)).version).toBe('abc-600m-200M');
    expect(inSize(sized, undefined)).toEqual(web);
    expect(inSize(sized, record(0.4, 200, { of: { cpus: 2, memoryBytes: 512 * MIB } }))).toEqual(web);
    expect(inSize({ ...sized, sizing: { ...apply, mode: 'advise' } }, record(0.4, 200))).toMatchObject({
      version: 'abc',
      resources: web.resources,
    });
  });

  it('stays within the bounds the composition sets now', () => {
    const bounds = {
      ...apply,
      least: { cpus: 0.8, memoryBytes: 0 },
      most: { cpus: 0, memoryBytes: 300 * MIB },
    };
    expect(inSize({ ...web, sizing: bounds }, record(0.1, 400)).resources.limits).toMatchObject({
      cpus: 0.8,
      memoryBytes: 300 * MIB,
    });
  });

  it('leaves a graph that nothing changes as it is, and its digest in any case', () => {
    const graph = bareTypeGraph('shop', [web, bareComponent('api')]);
    expect(graphInSize(graph, new Map())).toBe(graph);
    expect(graphInSize(graph, new Map([['api', record(1, 1)]]))).toBe(graph);
    const sized = graphInSize(graph, new Map([['web', record(0.4, 200)]]));
    expect(sized.digest).toBe(graph.digest);
    expect(sized.components.api).toBe(graph.components.api);
    expect(graphInSize(sized, new Map([['web', record(0.4, 200)]]))).toBe(sized);
  });
});
