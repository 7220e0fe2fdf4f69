import { describe, expect, it } from 'vitest';
import { aComponent, aTypeGraph, calls, p95 } from './observation.testing.js';
import { levelObjective, objectiveFor, sharesByTime, type CalmComponent } from './objectives.js';

const graph = aTypeGraph([
  aComponent('web', { dependsOn: calls('catalog', 'payment') }),
  aComponent('catalog', { kind: 'composition' }),
  aComponent('payment', { kind: 'binding' }),
  aComponent('batch'),
]);
const part = (name: string) => graph.components[name] ?? aComponent('missing');
const UNKNOWN = new Map<string, CalmComponent>();
const objective = (component: ReturnType<typeof part>, calm: ReadonlyMap<string, CalmComponent> = UNKNOWN) =>
  objectiveFor(graph, p95(300), component, sharesByTime(graph, 'web', calm));
const boundOf = (objective: ReturnType<typeof objectiveFor>) =>
  objective?.latency.map(({ ms }) => Math.round(ms));

describe('split of an objective', () => {
  it('gives the entry the whole and the others equal parts while nothing is measured', () => {
    const split = (name: string) => boundOf(objective(part(name)));
    expect(split('web')).toEqual([300]);
    expect(split('catalog')).toEqual([100]);
    expect(split('payment')).toEqual([100]);
  });

  it('splits by measured time once every component on the path is known', () => {
    const calm = new Map([
      ['web', { ownMs: 10, visits: 1 }],
      ['catalog', { ownMs: 40, visits: 1 }],
      ['payment', { ownMs: 50, visits: 1 }],
    ]);
    expect(boundOf(objective(part('catalog'), calm))).toEqual([120]);
    expect(boundOf(objective(part('catalog'), new Map([...calm].slice(0, 2))))).toEqual([100]);
  });

  it('gives less per visit to what is called more often', () => {
    const calm = new Map([
      ['web', { ownMs: 20, visits: 1 }],
      ['catalog', { ownMs: 20, visits: 3 }],
      ['payment', { ownMs: 20, visits: 1 }],
    ]);
    // catalog has 60 of 100 ms, in three visits.
    expect(boundOf(objective(part('catalog'), calm))).toEqual([60]);
  });

  it('asks nothing of components that clients do not wait for', () => {
    expect(objective(part('batch'))).toBeNull();
  });

  it("lets a component's own objective win over a share, and holds both at the entry", () => {
    const own = aComponent('catalog', { objective: p95(50) });
    expect(boundOf(objective(own))).toEqual([50]);
    const entry = aComponent('web', { objective: p95(200), dependsOn: calls('catalog', 'payment') });
    expect(boundOf(objective(entry))).toEqual([200, 300]);
  });

  it('holds what the parent handed down beside its own', () => {
    const handedDown = { v: 1 as const, p95Ms: 80, errorRatio: 0, atMs: 0 };
    expect(boundOf(levelObjective(graph, handedDown))).toEqual([300, 80]);
    expect(boundOf(levelObjective(graph, { ...handedDown, p95Ms: 0 }))).toEqual([300]);
    expect(boundOf(levelObjective({ ...graph, objective: null }, handedDown))).toEqual([80]);
    expect(levelObjective({ ...graph, objective: null }, null)).toBeNull();
  });
});
