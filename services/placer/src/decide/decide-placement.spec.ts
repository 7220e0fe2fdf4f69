import {
  componentName,
  decisionId,
  instanceId,
  siteId,
  type InstanceRecord,
  type PlacementRecord,
  type SiteSpec,
} from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { budgetsFor } from './budgets.js';
import { decidePlacement } from './decide-placement.js';
import { component, input, site, specOf, target, versioned } from './fixtures.testing.js';
import type { PlacerInput } from './input.js';

const written = (decided: PlacerInput, key: string): unknown =>
  decidePlacement(decided).writes.flatMap((write) =>
    write.kind === 'put' && write.key === key ? [write.value] : [],
  )[0];

const named = (name: string, over: Partial<SiteSpec> = {}): SiteSpec => ({
  name,
  driver: 'process',
  agent: '',
  cpus: 0,
  memoryBytes: 0,
  zone: '',
  pricePerCpuHour: 0,
  ...over,
});

const host = new Map([['unix:/a', { cpus: 2, memoryBytes: 4e9, silentSinceMs: null }]]);
const local = new Map([['local', versioned(site('local', { agent: 'unix:/a' }))]]);

const answered = (counts: Readonly<Record<string, number>>, targetRevision = 20): PlacementRecord => ({
  v: 1,
  component: componentName('web'),
  targetRevision,
  counts,
  unplaced: 0,
  reason: '',
  decision: decisionId('p1'),
});

const instanceOn = (where: string, over: Partial<InstanceRecord> = {}): InstanceRecord => ({
  v: 1,
  id: instanceId(`web-${where}`),
  component: componentName('web'),
  class: 'application',
  version: 'v1',
  site: siteId(where),
  phase: 'ready',
  sinceMs: 0,
  createdAtMs: 0,
  host: '',
  ports: {},
  exitCode: null,
  reason: '',
  decision: decisionId(''),
  ...over,
});

describe('the sites', () => {
  it('are this machine when nobody names any, with what its agent reports', () => {
    const decided = input({ spec: specOf([]), hosts: host });
    expect(written(decided, 'sites/local')).toMatchObject({ agent: 'unix:/a', cpus: 2, memoryBytes: 4e9 });
  });

  it('wait for the agent rather than take its silence for nothing', () => {
    const plan = decidePlacement(input({ spec: specOf([]) }));
    expect(plan.writes).toEqual([]);
    expect(plan.waits).toMatchObject([{ on: 'agent' }]);
  });

  it('are those of the composition, else those of the parent', () => {
    const spec = specOf([], [named('far', { agent: 'far:1', cpus: 8, memoryBytes: 1e9 })]);
    expect(decidePlacement(input({ spec, hosts: host })).writes.map(({ key }) => key)).toEqual(['sites/far']);
    const budget = [{ ...site('near'), cpus: 1, memoryBytes: 1e9 }];
    expect(written(input({ spec: specOf([]), budget }), 'sites/near')).toMatchObject({ cpus: 1 });
  });

  it('stay while something is on them, and take nothing more', () => {
    const spec = specOf([component('web')], [named('far', { agent: 'far:1', cpus: 8, memoryBytes: 1e9 })]);
    const occupied = input({
      spec,
      sites: local,
      instances: new Map([['web-local', versioned(instanceOn('local'))]]),
      targets: new Map([['web', target('web', 2)]]),
    });
    expect(decidePlacement(occupied).writes.filter(({ kind }) => kind === 'delete')).toEqual([]);
    expect(written(occupied, 'placements/web')).toMatchObject({ counts: { far: 2 } });
    const left = decidePlacement({ ...occupied, instances: new Map() });
    expect(left.writes).toContainEqual({ kind: 'delete', key: 'sites/local' });
  });

  it('change nothing while the spec is unknown', () => {
    expect(decidePlacement(input({ sites: local, hosts: host })).writes).toEqual([]);
  });
});

describe('a placement', () => {
  const web = (over: Partial<PlacerInput> = {}): PlacerInput =>
    input({
      spec: specOf([component('web')], [named('local', { agent: 'unix:/a', cpus: 4, memoryBytes: 8e9 })]),
      sites: new Map([['local', versioned(site('local', { agent: 'unix:/a', cpus: 4, memoryBytes: 8e9 }))]]),
      targets: new Map([['web', target('web', 3)]]),
      ...over,
    });

  it('answers its target by revision, and carries the decision it follows from', () => {
    const plan = decidePlacement(web());
    expect(written(web(), 'placements/web')).toMatchObject({ targetRevision: 20, counts: { local: 3 } });
    expect(plan.decisions).toMatchObject([{ action: 'place', causes: ['t1'] }]);
    expect(plan.compares).toEqual([{ key: 'placements/web', modRevision: 0 }]);
  });

  it('is written once', () => {
    const placements = new Map([['web', versioned(answered({ local: 3 }))]]);
    expect(decidePlacement(web({ placements })).writes).toEqual([]);
  });

  it('that only answers a newer target is no decision', () => {
    const placements = new Map([['web', versioned(answered({ local: 3 }, 7))]]);
    const plan = decidePlacement(web({ placements }));
    expect(plan.writes).toHaveLength(1);
    expect(plan.decisions).toEqual([]);
  });

  it('is not made for a component whose target is unknown, but is for one that runs once', () => {
    expect(decidePlacement(web({ targets: new Map() })).writes).toEqual([]);
    const once = web({
      spec: specOf(
        [component('job', { runOnce: true })],
        [named('local', { agent: 'unix:/a', cpus: 4, memoryBytes: 8e9 })],
      ),
      targets: new Map(),
    });
    expect(written(once, 'placements/job')).toMatchObject({ counts: { local: 1 }, targetRevision: 0 });
  });

  it('keeps, without a record, to where instances run', () => {
    const two = web({
      spec: specOf(
        [component('web')],
        [
          named('a', { agent: 'a:1', cpus: 4, memoryBytes: 8e9 }),
          named('b', { agent: 'b:1', cpus: 4, memoryBytes: 8e9 }),
        ],
      ),
      targets: new Map([['web', target('web', 1)]]),
      instances: new Map([['web-b', versioned(instanceOn('b'))]]),
    });
    expect(written(two, 'placements/web')).toMatchObject({ counts: { b: 1 } });
  });

  it('goes with its component, but not in a disposal, which health sees to', () => {
    const placements = new Map([['gone', versioned(answered({ local: 1 }))]]);
    expect(decidePlacement(web({ placements })).writes).toContainEqual({
      kind: 'delete',
      key: 'placements/gone',
    });
    const disposing = web({ placements, spec: specOf([component('web')], [], 'disposing'), hosts: host });
    expect(decidePlacement(disposing).writes.filter(({ key }) => key.startsWith('placements/'))).toEqual([]);
  });
});

describe('the budget of a child level', () => {
  it('is what is left after this level and the other children, and never nothing', () => {
    const parent = input({
      spec: specOf([component('web', { cpus: 1, memoryBytes: 2 ** 30 })]),
      sites: new Map([['local', versioned(site('local', { cpus: 4, memoryBytes: 4 * 2 ** 30 }))]]),
      placements: new Map([['web', versioned(answered({ local: 2 }))]]),
    });
    const use = new Map([
      ['catalog', new Map([[siteId('local'), { cpus: 1, memoryBytes: 0 }]])],
      ['other', new Map([[siteId('local'), { cpus: 0.6, memoryBytes: 0 }]])],
    ]);
    expect(budgetsFor(parent, 'catalog', use)).toMatchObject([{ cpus: 1.25, memoryBytes: 2 * 2 ** 30 }]);
    const full = new Map([['other', new Map([[siteId('local'), { cpus: 9, memoryBytes: 0 }]])]]);
    expect(budgetsFor(parent, 'catalog', full)[0]?.cpus).toBe(0.25);
  });
});
