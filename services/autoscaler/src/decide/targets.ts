/**
 * From what the policies want to what is written: bounds, overrides, the first target, and the mode of the function. Must
 * never let a policy leave min..max (only a person may, by an override), and must write nothing that is there already.
 */
import type { Component, ComponentName, ControlMode, OverrideRecord, TargetRecord } from '@mitosis/contracts';
import type { ComponentAdvice } from './level.js';
import { isScaled, type LevelInput } from './level-input.js';
import type { Json, Recommendation } from './policy.js';

export interface TargetChange {
  readonly component: Component;
  readonly from: number | null;
  readonly to: number;
  readonly reason: string;
  readonly policy: string;
  readonly inputs: Readonly<Record<string, Json>>;
  /** False: `advise`, decided and not applied. */
  readonly applied: boolean;
  readonly predicted: Recommendation['predicted'];
}

export interface TargetPlan {
  readonly changes: readonly TargetChange[];
  /** Components with a target that are wanted no more. */
  readonly removed: readonly ComponentName[];
  /** What was advised last by component, so that the same advice is not recorded every second. */
  readonly advised: ReadonlyMap<string, number>;
}

export const clampToScale = (component: Component, count: number): number =>
  Math.min(component.scale.max, Math.max(component.scale.min, Math.round(count)));

/** A count set by hand is an override of the spec, its bounds included; of an exclusive component there is never a second. */
const countByHand = ({ exclusive }: Component, count: number): number =>
  Math.min(exclusive ? 1 : Infinity, Math.max(0, Math.round(count)));

interface Wanted {
  readonly count: number;
  readonly reason: string;
  readonly policy: string;
  /** Holds in every mode. */
  readonly always: boolean;
}

const overrideInForce = (override: OverrideRecord | undefined, nowMs: number): OverrideRecord | undefined =>
  override !== undefined && (override.expiresAtMs === 0 || override.expiresAtMs > nowMs)
    ? override
    : undefined;

const bounded = (component: Component, count: number): string =>
  clampToScale(component, count) === count
    ? ''
    : ` (${count} is outside ${component.scale.min}..${component.scale.max})`;

const wanted = (
  { component, recommendation }: ComponentAdvice,
  record: TargetRecord | undefined,
  override: OverrideRecord | undefined,
): Wanted => {
  const { min, max } = component.scale;
  if (override !== undefined) {
    const why = override.reason === '' ? 'set by hand' : `set by hand: ${override.reason}`;
    return {
      count: override.count,
      reason: why + bounded(component, override.count),
      policy: 'override',
      always: true,
    };
  }
  if (record === undefined) {
    return { count: component.scale.initial, reason: 'the first count', policy: 'initial', always: true };
  }
  if (record.count < min || record.count > max) {
    return {
      count: record.count,
      reason: `the bounds are now ${min}..${max}`,
      policy: 'bounds',
      always: true,
    };
  }
  const { count, reason } = recommendation;
  return { count, reason: reason + bounded(component, count), policy: component.policy.kind, always: false };
};

/** Figures every scaling decision is explained with. */
const commonInputs = ({ observation, recommendation }: ComponentAdvice): Readonly<Record<string, Json>> => {
  const window = observation.requests?.last1 ?? observation.requests?.last10 ?? null;
  return {
    rate: window?.rate ?? null,
    p95Ms: window?.p95Ms ?? null,
    inFlight: observation.requests?.inFlight ?? null,
    queued: observation.requests?.queued ?? null,
    cpuCores: observation.usage?.cpuCores ?? null,
    ready: observation.ready,
    starting: observation.starting,
    objective:
      observation.objective?.latency.map(({ percentile, ms }) => `p${percentile} ${Math.round(ms)} ms`) ?? [],
    predicted: recommendation.predicted === null ? null : { ...recommendation.predicted },
    ...recommendation.inputs,
  };
};

const changeOf = (input: LevelInput, advice: ComponentAdvice, mode: ControlMode): TargetChange | null => {
  const { component } = advice;
  const record = input.targets.get(component.name);
  const want = wanted(advice, record, overrideInForce(input.overrides.get(component.name), input.nowMs));
  const to = (want.policy === 'override' ? countByHand : clampToScale)(component, want.count);
  if (record?.count === to) return null;
  if (!want.always && mode === 'paused') return null;
  return {
    component,
    from: record?.count ?? null,
    to,
    reason: want.reason,
    policy: want.policy,
    inputs: commonInputs(advice),
    applied: want.always || mode === 'run',
    predicted: want.always ? null : advice.recommendation.predicted,
  };
};

/** What has to be written now, and what is only advised. */
export const decideTargets = (
  input: LevelInput,
  advice: readonly ComponentAdvice[],
  mode: ControlMode,
  advisedBefore: ReadonlyMap<string, number>,
): TargetPlan => {
  const all = advice.flatMap((one) => changeOf(input, one, mode) ?? []);
  const advised = new Map(
    all.filter(({ applied }) => !applied).map(({ component, to }) => [component.name, to]),
  );
  const news = all.filter(
    ({ applied, component, to }) => applied || advisedBefore.get(component.name) !== to,
  );
  const kept = new Set(
    Object.values(input.typeGraph.components)
      .filter(isScaled)
      .map(({ name }): string => name),
  );
  return {
    changes: news,
    removed: [...input.targets.values()].map(({ component }) => component).filter((name) => !kept.has(name)),
    advised,
  };
};
