import type { Component, Objective } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { slo } from '../plugins/slo.policy.js';
import { EMPTY_MODEL } from './instance-model.js';
import type { LevelInput } from './level-input.js';
import {
  EMPTY_SPLIT,
  shareIn,
  stepSplit,
  waitIn,
  type SplitInput,
  type SplitState,
} from './objective-split.js';
import { aComponent, aTypeGraph, calls, p95 } from './observation.testing.js';
import type { SloState } from './slo-state.js';

const NOW_MS = 1_000_000;

const sized = (cpus: number): Partial<Component> => ({
  resources: {
    limits: { cpus, memoryBytes: 0, pids: 0 },
    reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
  },
});

const web = aComponent('web', { dependsOn: calls('api'), ...sized(1) });
const api = aComponent('api', sized(1));

const known = (capacity: number): SplitInput['policies'][string] => {
  const initial: SloState = slo.initial();
  const model = { ...EMPTY_MODEL, serviceMs: 50, serviceP95Ms: 80, serviceKnown: true, capacity };
  return { kind: 'slo', policy: { ...initial, model } };
};

interface Changes {
  readonly components?: readonly Component[];
  readonly level?: Partial<LevelInput>;
  readonly policies?: SplitInput['policies'];
  readonly calmTailMs?: SplitInput['calmTailMs'];
  readonly visits?: Readonly<Record<string, number>>;
  readonly objective?: Objective | null;
}

const inputOf = (changes: Changes = {}): SplitInput => ({
  level: {
    nowMs: NOW_MS,
    generation: 1,
    typeGraph: aTypeGraph(changes.components ?? [web, api]),
    handedDown: null,
    targets: new Map(),
    overrides: new Map(),
    instances: [],
    endpoints: new Map(),
    metrics: new Map(),
    pricePerCpuHour: 1,
    ...changes.level,
  },
  objective: changes.objective === undefined ? p95(400) : changes.objective,
  policies: changes.policies ?? { web: known(20), api: known(20) },
  calmTailMs: changes.calmTailMs ?? { web: 200, api: 90 },
  visits: new Map(Object.entries(changes.visits ?? { web: 1, api: 1 })),
});

const split = (changes: Changes = {}): SplitState => stepSplit(EMPTY_SPLIT, inputOf(changes));

const later = (ms: number, level: Partial<LevelInput> = {}): Changes => ({
  level: { nowMs: NOW_MS + ms, ...level },
});

describe('split of an objective where it is cheapest to hold', () => {
  it('shares out what may be waited, alike between tiers that cost alike', () => {
    const found = split();
    expect(waitIn(found, 'web')).toBeCloseTo(waitIn(found, 'api') ?? 0);
    // 200 ms of the bound are left for waiting: each may have more than half, since both are seldom late at once.
    expect(waitIn(found, 'web')).toBeGreaterThan(110);
    expect(waitIn(found, 'web')).toBeLessThan(190);
    expect(400 * (shareIn(found, api.name) ?? 0)).toBeCloseTo(90 + (waitIn(found, 'api') ?? 0), -1);
    expect(shareIn(found, web.name)).toBeUndefined();
  });

  it('lets requests wait longer where an instance is dearer or completes less', () => {
    const dear = split({ components: [web, aComponent('api', sized(4))] });
    expect((waitIn(dear, 'api') ?? 0) / (waitIn(dear, 'web') ?? 1)).toBeCloseTo(2, 1);
    const slow = split({ policies: { web: known(20), api: known(5) } });
    expect((waitIn(slow, 'api') ?? 0) / (waitIn(slow, 'web') ?? 1)).toBeCloseTo(2, 1);
  });

  it('shares per visit', () => {
    const found = split({ visits: { web: 1, api: 4 } });
    // Four times the cost, so twice the wait a request, over four visits.
    expect((waitIn(found, 'api') ?? 0) / (waitIn(found, 'web') ?? 1)).toBeCloseTo(0.5, 1);
  });

  it("takes a child level's cost curve in", () => {
    const components = [
      aComponent('web', { dependsOn: calls('catalog'), ...sized(1) }),
      aComponent('catalog', { kind: 'composition' }),
    ];
    const curveOf = (factor: number) =>
      new Map([
        [
          'catalog',
          {
            p95Ms: 200,
            points: [100, 150, 200, 300].map((p95Ms) => ({
              p95Ms,
              instances: 1,
              // As a tier whose requests take 50 ms in calm times.
              costPerHour: 1 + factor / (p95Ms - 50),
            })),
          },
        ],
      ]);
    const given = { components, calmTailMs: { web: 200, catalog: 50 }, visits: { web: 1, catalog: 1 } };
    const cheap = split({ ...given, level: { children: curveOf(1) } });
    const dear = split({ ...given, level: { children: curveOf(400) } });
    expect(waitIn(dear, 'catalog')).toBeGreaterThan(1.5 * (waitIn(cheap, 'catalog') ?? 0));
    expect(waitIn(dear, 'web')).toBeLessThan(waitIn(cheap, 'web') ?? 0);
    expect(split({ ...given })).toMatchObject({ boundMs: 0 });
  });

  it('says nothing while anything that takes part is unknown, or nothing is left to wait', () => {
    const nothing = { ...EMPTY_SPLIT, atMs: NOW_MS };
    expect(split({ policies: { web: known(20) } })).toEqual(nothing);
    expect(split({ visits: { web: 1 } })).toEqual(nothing);
    expect(split({ calmTailMs: { web: 200 } })).toEqual(nothing);
    expect(split({ calmTailMs: { web: 399, api: 90 } })).toEqual(nothing);
    expect(split({ objective: null })).toEqual(nothing);
    expect(split({ components: [aComponent('web', sized(1))] })).toEqual(nothing);
    expect(shareIn(nothing, api.name)).toBeUndefined();
    expect(waitIn(nothing, 'api')).toBeNull();
  });

  it("leaves what a component's own objective gives it out of what is shared", () => {
    const components = [
      web,
      aComponent('api', { ...sized(1), dependsOn: calls('db'), objective: p95(150) }),
      aComponent('db', sized(1)),
    ];
    const given = {
      components,
      policies: { web: known(20), api: known(20), db: known(20) },
      calmTailMs: { web: 200, api: 90, db: 30 },
      visits: { web: 1, api: 1, db: 1 },
    };
    const found = split(given);
    expect(waitIn(found, 'api')).toBeNull();
    // 140 ms instead of 200 are left for web and db.
    expect((waitIn(found, 'web') ?? 0) / (waitIn(split(), 'web') ?? 1)).toBeCloseTo(140 / 200, 1);
  });

  it('stays as it is over changes of less than a tenth, and follows larger ones after half a minute', () => {
    const first = split();
    const noise = stepSplit(first, inputOf({ ...later(30_000), calmTailMs: { web: 204, api: 92 } }));
    expect(noise).toEqual({ ...first, atMs: NOW_MS + 30_000 });
    const dear = { components: [web, aComponent('api', sized(4))] };
    expect(stepSplit(first, inputOf({ ...later(29_000), ...dear }))).toBe(first);
    expect(stepSplit(first, inputOf({ ...later(30_000), ...dear })).waitMs).not.toEqual(first.waitMs);
  });

  it('follows another objective at once, and outlasts a model that begins anew by ten minutes', () => {
    const first = split();
    expect(stepSplit(first, inputOf({ ...later(1_000), objective: p95(600) })).boundMs).toBe(600);
    const anew = { policies: { web: known(20) } };
    expect(stepSplit(first, inputOf({ ...later(60_000), ...anew }))).toBe(first);
    expect(stepSplit(first, inputOf({ ...later(600_000), ...anew })).boundMs).toBe(0);
  });
});
