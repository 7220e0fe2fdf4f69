import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slo } from '../plugins/slo.policy.js';
import { checkpointOf, rememberedOf, stateOf, withRemembered, type ModelRecord } from './checkpoint.js';
import { EMPTY_LEVEL, type LevelState } from './level.js';
import { aComponent } from './observation.testing.js';

const NOW_MS = 1_000_000_000;
const web = aComponent('web');
const initial = slo.initial();
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `c${i}`);

const levelOf = (components: readonly string[], noise = 0): LevelState => ({
  ...EMPTY_LEVEL,
  components: Object.fromEntries(
    components.map((name) => [
      name,
      {
        kind: 'slo',
        activeAtMs: 0,
        policy: {
          ...initial,
          demand: { ...initial.demand, errors: Array.from({ length: noise }, Math.random) },
        },
      },
    ]),
  ),
  calmMs: Object.fromEntries(components.map((name) => [name, 50])),
  visits: { ...EMPTY_LEVEL.visits, calls: { web: { front: 2 } } },
});

const kept = (): ModelRecord => {
  const [record] = checkpointOf(levelOf(['web']), [web], 0, NOW_MS).records;
  return JSON.parse(record?.value ?? '') as ModelRecord;
};

const remembered = (value: unknown, component = web, nowMs = NOW_MS + 60_000) =>
  rememberedOf(value, component, initial, nowMs);

describe('what is kept of a model', () => {
  it('is what is known, and becomes it again', () => {
    const record = remembered(kept());
    expect(record && stateOf(record)).toEqual(levelOf(['web']).components.web);
    const level = withRemembered(EMPTY_LEVEL, record === null ? [] : [record]);
    expect(level.components.web).toEqual(levelOf(['web']).components.web);
    expect(level.calmMs).toEqual({ web: 50 });
    expect(level.calmTailMs).toEqual({});
    expect(level.visits.calls).toEqual({ web: { front: 2 } });
  });

  it('is bounded, and every component has its turn', () => {
    const all = names(40);
    const components = all.map((name) => aComponent(name));
    const state = levelOf(all, 900);
    const seen = new Set<string>();
    let next = 0;
    for (let turn = 0; turn < 20; turn += 1) {
      const checkpoint = checkpointOf(state, components, next, NOW_MS);
      expect(checkpoint.records.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThanOrEqual(
        65_536,
      );
      for (const { component } of checkpoint.records) seen.add(component);
      next = checkpoint.next;
    }
    expect(seen.size).toBe(40);
  });

  it('leaves out what is too large, and what has nothing to keep', () => {
    expect(checkpointOf(levelOf(['web'], 20_000), [web], 0, NOW_MS).records).toEqual([]);
    expect(checkpointOf(EMPTY_LEVEL, [web], 0, NOW_MS)).toEqual({ records: [], next: 0 });
    expect(checkpointOf(EMPTY_LEVEL, [], 3, NOW_MS)).toEqual({ records: [], next: 0 });
  });

  it('is void for another component, version or policy, and after an hour', () => {
    expect(remembered(kept(), aComponent('api'))).toBeNull();
    expect(remembered(kept(), aComponent('web', { version: 'v2' }))).toBeNull();
    expect(remembered(kept(), aComponent('web', { policy: { kind: 'fixed' } }))).toBeNull();
    expect(remembered(kept(), web, NOW_MS + 3_600_001)).toBeNull();
    expect(remembered(kept(), web, NOW_MS - 1)).toBeNull();
    expect(remembered({ ...kept(), v: 2 })).toBeNull();
  });

  it('is void when anything of the state is missing or of another kind', () => {
    const record = kept();
    const { model: _, ...withoutModel } = record.policy;
    expect(remembered({ ...record, policy: withoutModel })).toBeNull();
    expect(remembered({ ...record, policy: { ...record.policy, demand: [] } })).toBeNull();
    expect(remembered({ ...record, policy: { ...record.policy, price: { log: 'much' } } })).toBeNull();
    expect(remembered({ ...record, calmMs: null })).toBeNull();
    expect(remembered({ ...record, calls: { front: 'twice' } })).toBeNull();
    fc.assert(fc.property(fc.jsonValue(), (value) => remembered(value) === null));
  });

  it('changes nothing of a component that is known', () => {
    const state = levelOf(['web']);
    expect(withRemembered(state, [kept()])).toBe(state);
  });
});
