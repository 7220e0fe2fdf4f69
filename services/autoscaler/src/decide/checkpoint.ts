/**
 * What was learned of a component, kept in the store now and then: so that a level whose autoscalers all restarted at once does
 * not begin cold. Bounded in size and rate; whatever is not certainly of this component, this version and this policy is
 * as if it were not there, for a model of something else is worse than none.
 */
import type { Component } from '@mitosis/contracts';
import { own } from './by-name.js';
import type { ComponentState, LevelState } from './level.js';
import type { PolicyState } from './policy.js';

export type ModelRecord = {
  readonly v: 1;
  readonly component: string;
  /** Of the component, as it ran. */
  readonly version: string;
  readonly kind: string;
  readonly atMs: number;
  readonly policy: PolicyState;
  readonly activeAtMs: number;
  readonly calmMs: number;
  readonly calmTailMs: number;
  /** Calls per request, by caller. */
  readonly calls: { readonly [caller: string]: number };
};

/** Between two times that the leader writes. */
export const CHECKPOINT_MS = 60_000;
/** Of all records of one time: some six components of `slo`; where there are more, each has its turn. */
const BYTES_MAX = 64 * 1024;
const RECORD_BYTES_MAX = 32 * 1024;
/** Older ones say little of now. */
const AGE_MAX_MS = 3_600_000;
/** Digits beyond are noise. */
const DIGITS = 6;

const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;

export interface Checkpoint {
  readonly records: readonly { readonly component: string; readonly value: string }[];
  /** The component the next time begins with. */
  readonly next: number;
}

/** Records from the `from`th component on, as many as fit. */
export const checkpointOf = (
  state: LevelState,
  components: readonly Component[],
  from: number,
  nowMs: number,
): Checkpoint => {
  const records: { component: string; value: string }[] = [];
  let bytes = 0;
  let taken = 0;
  for (; taken < components.length; taken += 1) {
    const component = components[(from + taken) % components.length];
    const known = component && own(state.components, component.name);
    if (component === undefined || known === undefined || Object.keys(known.policy).length === 0) continue;
    const record: ModelRecord = {
      v: 1,
      component: component.name,
      version: component.version,
      ...known,
      atMs: nowMs,
      calmMs: own(state.calmMs, component.name) ?? 0,
      calmTailMs: own(state.calmTailMs, component.name) ?? 0,
      calls: own(state.visits.calls, component.name) ?? {},
    };
    const value = JSON.stringify(record, rounded);
    if (value.length > RECORD_BYTES_MAX) continue;
    if (bytes + value.length > BYTES_MAX) break;
    bytes += value.length;
    records.push({ component: component.name, value });
  }
  return { records, next: components.length === 0 ? 0 : (from + taken) % components.length };
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Everything an initial state has is there and of the same kind; numbers are numbers. */
const isLike = (value: unknown, initial: unknown): boolean => {
  if (Array.isArray(initial)) return Array.isArray(value);
  if (!isRecord(initial)) return typeof value === typeof initial && !Number.isNaN(value);
  return isRecord(value) && Object.entries(initial).every(([key, each]) => isLike(value[key], each));
};

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

/** null: it is not one, too old, or of something else. `initial`: of the component's policy. */
export const rememberedOf = (
  value: unknown,
  component: Component,
  initial: PolicyState,
  nowMs: number,
): ModelRecord | null => {
  if (!isRecord(value) || value.v !== 1 || value.component !== component.name) return null;
  if (value.version !== component.version || value.kind !== component.policy.kind) return null;
  const { atMs, activeAtMs, calmMs, calmTailMs, calls, policy } = value;
  if (![atMs, activeAtMs, calmMs, calmTailMs].every(isCount) || !isRecord(calls)) return null;
  if (!Object.values(calls).every(isCount) || !isLike(policy, initial)) return null;
  const age = nowMs - Number(atMs);
  return age >= 0 && age <= AGE_MAX_MS ? (value as unknown as ModelRecord) : null;
};

export const stateOf = ({ kind, policy, activeAtMs }: ModelRecord): ComponentState => ({
  kind,
  policy,
  activeAtMs,
});

/** The level's state with what is remembered of components of which it knows nothing; itself where that is none. */
export const withRemembered = (state: LevelState, remembered: readonly ModelRecord[]): LevelState => {
  const news = remembered.filter(({ component }) => own(state.components, component) === undefined);
  if (news.length === 0) return state;
  const known = <T>(of: (record: ModelRecord) => T, worth: (value: T) => boolean): Record<string, T> =>
    Object.fromEntries(
      news.flatMap((record) => {
        const value = of(record);
        return worth(value) ? [[record.component, value]] : [];
      }),
    );
  return {
    ...state,
    components: { ...state.components, ...known(stateOf, () => true) },
    calmMs: { ...known(({ calmMs }) => calmMs, isPositive), ...state.calmMs },
    calmTailMs: { ...known(({ calmTailMs }) => calmTailMs, isPositive), ...state.calmTailMs },
    visits: {
      ...state.visits,
      calls: {
        ...known(
          ({ calls }) => calls,
          (calls) => Object.keys(calls).length > 0,
        ),
        ...state.visits.calls,
      },
    },
  };
};

const isPositive = (value: number): boolean => value > 0;
