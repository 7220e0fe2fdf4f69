/**
 * From what the policies want to what is written: bounds, overrides, the first target, and the mode of the function. Must
 * never let a policy leave min..max (only a person may, by an override), and must write nothing that is there already.
 */
import type {
  Component,
  ComponentName,
  ControlMode,
  DecisionId,
  OverrideRecord,
  TargetRecord,
} from '@mitosis/contracts';
import { decideBudget, type BudgetStatus, type Cut } from './budget-cap.js';
import { ceilingOf, heldAt } from './ceilings.js';
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
  /** The decision of another service that kept it lower. */
  readonly causes: readonly DecisionId[];
}

/** A scale-out that a ceiling held off altogether: recorded, nothing written. */
export type HeldChange = Omit<TargetChange, 'applied' | 'predicted'> & { readonly wanted: number };

export interface TargetPlan {
  readonly changes: readonly TargetChange[];
  /** Components with a target that are wanted no more. */
  readonly removed: readonly ComponentName[];
  /** What was advised last by component, so that the same advice is not recorded every second. */
  readonly advised: ReadonlyMap<string, number>;
  readonly held: readonly HeldChange[];
  /** By component, who holds it and where, so that the same hold is not recorded every second. */
  readonly holds: ReadonlyMap<string, string>;
  /** null: there is none, or nothing has a price. */
  readonly budget: BudgetStatus | null;
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
  const { count } = recommendation;
  return {
    count,
    // Put into words only for a change: most decisions keep what is there.
    get reason() {
      return recommendation.reason + bounded(component, count);
    },
    policy: component.policy.kind,
    always: false,
  };
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
    ...(observation.waitMs === null ? {} : { mayWaitMs: Math.round(observation.waitMs) }),
    predicted: recommendation.predicted === null ? null : { ...recommendation.predicted },
    ...recommendation.inputs,
  };
};

interface Asked {
  readonly advice: ComponentAdvice;
  readonly want: Wanted;
  /** What is wanted, within the bounds. */
  readonly open: number;
  readonly from: number | null;
}

const asked = (input: LevelInput, advice: ComponentAdvice): Asked => {
  const { component } = advice;
  const record = input.targets.get(component.name);
  const want = wanted(advice, record, overrideInForce(input.overrides.get(component.name), input.nowMs));
  const open = (want.policy === 'override' ? countByHand : clampToScale)(component, want.count);
  return { advice, want, open, from: record?.count ?? null };
};

/** What the budget must leave: what is wanted in every mode, the minimum, and the instance that requests wait for. */
const leastOf = ({ advice, want, open, from }: Asked): number =>
  want.always ? open : Math.max(advice.component.scale.min, from === 0 ? Math.min(1, open) : 0);

/** At most a third of a component leaves at once, whatever the budget says (mass changes are braked). */
const BRAKE = 1 / 3;

const cutTo = ({ open, from }: Asked, cut: Cut | undefined): number =>
  cut === undefined
    ? open
    : Math.max(cut.count, from === null ? 0 : from - Math.max(1, Math.floor(from * BRAKE)));

interface Weighed {
  readonly change: TargetChange | null;
  readonly held: HeldChange | null;
  /** Who holds this component, and at what; null: nobody. */
  readonly hold: string | null;
}

const QUIET: Weighed = { change: null, held: null, hold: null };

/** Scale-out is limited by the lowest of what others hold; the budget takes from what is there as well. */
const weigh = (input: LevelInput, one: Asked, mode: ControlMode, cut: Cut | undefined): Weighed => {
  const { advice, want, open, from } = one;
  const { component } = advice;
  // Of how many there are of what others run nothing is known before it is seen.
  if (input.foreign === true && from === null) return QUIET;
  if (!want.always && mode === 'paused') return QUIET;
  const ceiling = want.always ? null : ceilingOf(input.ceilings ?? [], component.name, input.nowMs);
  const bought = Math.min(open, cutTo(one, cut));
  const to = ceiling === null || from === null ? bought : heldAt(from, bought, ceiling);
  const lowered = ceiling !== null && to < bought;
  const holders = [
    ...(ceiling === null ? [] : [`${ceiling.by} ${ceiling.count}`]),
    ...(cut === undefined ? [] : [`budget ${cut.count}`]),
  ];
  const hold = holders.length === 0 ? null : holders.join(', ');
  if (from === open && from === to) return { ...QUIET, hold };
  const why = cut === undefined ? want.reason : `${want.reason}; ${cut.reason}`;
  const figures = commonInputs(advice);
  const change = {
    component,
    from,
    to,
    reason: lowered ? `${why}; held at ${to} by ${ceiling.by}: ${ceiling.reason}` : why,
    policy: want.policy,
    inputs: cut === undefined ? figures : { ...figures, wanted: open, withinBudget: cut.count },
    causes: lowered ? [ceiling.decision] : [],
  };
  if (from === to) return { change: null, held: { ...change, wanted: open }, hold };
  return {
    change: {
      ...change,
      applied: input.foreign !== true && (want.always || mode === 'run'),
      // What was predicted is of the count that was wanted.
      predicted: want.always || to !== open ? null : advice.recommendation.predicted,
    },
    held: null,
    hold,
  };
};

/** What has to be written now, and what is only advised. */
export const decideTargets = (
  input: LevelInput,
  advice: readonly ComponentAdvice[],
  mode: ControlMode,
  advisedBefore: ReadonlyMap<string, number>,
  holdsBefore: ReadonlyMap<string, string> = new Map(),
): TargetPlan => {
  const wants = advice.map((one) => asked(input, one));
  const budget =
    mode === 'paused'
      ? null
      : decideBudget(
          input,
          wants.map((one) => ({
            advice: one.advice,
            wanted: one.open,
            current: one.from ?? 0,
            least: leastOf(one),
          })),
        );
  const weighed = wants.map((one) => weigh(input, one, mode, budget?.cuts.get(one.advice.component.name)));
  const all = weighed.flatMap(({ change }) => change ?? []);
  const advised = new Map(
    all.filter(({ applied }) => !applied).map(({ component, to }) => [component.name, to]),
  );
  const news = all.filter(
    ({ applied, component, to }) => applied || advisedBefore.get(component.name) !== to,
  );
  const holds = new Map<string, string>();
  for (const [i, { held, hold }] of weighed.entries()) {
    const name = advice[i]?.component.name;
    // Told once for as long as it lasts, also where the policy wants more now and then only.
    if (name !== undefined && hold !== null && (held !== null || holdsBefore.get(name) === hold))
      holds.set(name, hold);
  }
  const kept = new Set(
    Object.values(input.typeGraph.components)
      .filter(isScaled)
      .map(({ name }): string => name),
  );
  return {
    changes: news,
    removed: [...input.targets.values()].map(({ component }) => component).filter((name) => !kept.has(name)),
    advised,
    held: weighed.flatMap(({ held }) =>
      held !== null && holdsBefore.get(held.component.name) !== holds.get(held.component.name) ? held : [],
    ),
    holds,
    budget: budget?.status ?? null,
  };
};
