/**
 * Which alternative fulfils a dependency, and in what split: the cheapest that holds the bounds; away from it when it
 * does not, at once when it fails; back when trial traffic has shown for long enough that it does again. Must never move
 * traffic to an alternative that is known to be no better, nor because nothing is known.
 */
import type { Alternative, BindingRecord, BindingTarget, Component } from '@mitosis/contracts';
import {
  byPrice,
  cheaperThan,
  isAvailable,
  returnPeriodMs,
  stateOf,
  type AlternativeState,
  type BindingState,
  type Look,
} from './binding-state.js';

export interface BindingChange {
  readonly active: string;
  readonly split: readonly BindingTarget[];
  /** Cheaper ones that are passed over only because they are not ready. */
  readonly absent: readonly string[];
  readonly action: 'bind' | 'rebind' | 'return' | 'trial';
  /** "acme → own" */
  readonly change: string;
  readonly reason: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The first binding is made in every mode. */
  readonly always: boolean;
}

interface Choice {
  readonly alternative: Alternative;
  readonly action: BindingChange['action'];
  readonly reason: string;
}

/** Known to have no instance that could take a request; unknown is not that. */
const knownToBeGone = (input: Look, { target }: Alternative): boolean =>
  target.kind === 'component' && input.ready.get(target.component) === 0;

const isBad = ({ verdict }: AlternativeState): boolean => verdict === 'bad' || verdict === 'failing';

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

const firstChoice = (input: Look, state: BindingState, why: string): Choice | null => {
  const cheapestFirst = byPrice(input.component);
  const usable = cheapestFirst.filter((alternative) => isAvailable(input, alternative));
  const sound = usable.filter(({ name }) => !isBad(stateOf(state, name)));
  const alternative = sound[0] ?? usable[0] ?? cheapestFirst[0];
  if (alternative === undefined) return null;
  return {
    alternative,
    action: 'bind',
    reason: `${why}, and ${alternative.name} is the cheapest that can be used`,
  };
};

/** Where to go from an alternative that does not do. null: nothing better is known. */
const refuge = (input: Look, state: BindingState, active: Alternative, hard: boolean): Alternative | null => {
  const others = byPrice(input.component).filter(
    (alternative) => alternative.name !== active.name && isAvailable(input, alternative),
  );
  const of = (alternative: Alternative): AlternativeState => stateOf(state, alternative.name);
  const sound = others.find((one) => !isBad(of(one)) && of(one).abandonedAtMs === 0);
  const untested = others.find((one) => !isBad(of(one)));
  const slow = others.find((one) => of(one).verdict === 'bad');
  const halved = others.find((one) => muchBetter(of(one), of(active)));
  return sound ?? (hard ? (untested ?? slow ?? null) : (halved ?? null));
};

/** Both are outside of their bounds: moving is worth it only for half the latency without more errors. */
const muchBetter = (one: AlternativeState, active: AlternativeState): boolean => {
  if (one.last === null || active.last === null || one.last.requests === 0) return false;
  const ratio = (state: AlternativeState): number =>
    (state.last?.errors ?? 0) / Math.max(1, state.last?.requests ?? 0);
  return one.verdict === 'bad' && one.last.p95Ms < active.last.p95Ms / 2 && ratio(one) <= ratio(active);
};

const leave = (input: Look, state: BindingState, active: Alternative): Choice | null => {
  const { rebind } = input.component;
  const now = stateOf(state, active.name);
  const gone = knownToBeGone(input, active);
  const hard = gone || now.verdict === 'failing';
  const badForMs = now.badSinceMs === 0 ? 0 : input.nowMs - now.badSinceMs;
  if (!hard && (now.verdict !== 'bad' || badForMs < rebind.afterMs)) return null;
  const to = refuge(input, state, active, hard);
  if (to === null) return null;
  const why = gone ? 'none of its instances is ready' : now.why;
  const howLong = hard ? '' : ` for ${seconds(badForMs)}`;
  return {
    alternative: to,
    action: 'rebind',
    reason: `${active.name}: ${why}${howLong}; ${to.name} takes over`,
  };
};

/** A cheaper alternative that has earned its traffic back. */
const comeBack = (input: Look, state: BindingState, active: Alternative): Choice | null => {
  for (const alternative of cheaperThan(input.component, active.name)) {
    const seen = stateOf(state, alternative.name);
    if (!isAvailable(input, alternative) || isBad(seen)) continue;
    const period = returnPeriodMs(input.component, seen);
    const reason = earned(input, seen, period);
    if (reason !== null) {
      return { alternative, action: 'return', reason: `${alternative.name} is cheaper and ${reason}` };
    }
  }
  return null;
};

const earned = (input: Look, seen: AlternativeState, periodMs: number): string | null => {
  if (seen.onlyAbsent) return isBack(input, seen, periodMs);
  if (seen.goodMs >= periodMs && seen.abandonedAtMs > 0) {
    return `has held the bounds in trials for ${seconds(seen.goodMs)} (${seen.why})`;
  }
  if (seen.abandonedAtMs === 0)
    return seen.verdict === 'good'
      ? `holds the bounds (${seen.why})`
      : blind(input, input.record?.sinceMs ?? 0, periodMs);
  return blind(input, seen.abandonedAtMs, periodMs);
};

/**
 * It is there again. Traffic moves only while it can be seen how it fares there, and its absence may have been shorter than
 * a look.
 */
const isBack = (input: Look, seen: AlternativeState, periodMs: number): string | null =>
  input.samples !== null &&
  seen.availableSinceMs > 0 &&
  input.nowMs - Math.max(seen.availableSinceMs, seen.abandonedAtMs) >= periodMs
    ? `has been ready for ${seconds(periodMs)}`
    : null;

/** Without trials nothing can be learned of it but by trying: after the period, which doubles each time that goes wrong. */
const blind = (input: Look, sinceMs: number, periodMs: number): string | null =>
  input.component.rebind.trialShare === 0 && input.nowMs - sinceMs >= periodMs
    ? `is tried again after ${seconds(periodMs)}, since no trial traffic is allowed`
    : null;

const mayBeTried = (input: Look, state: BindingState, alternative: Alternative): boolean => {
  const seen = stateOf(state, alternative.name);
  return isAvailable(input, alternative) && (seen.abandonedAtMs === 0 || input.nowMs >= seen.trialFromMs);
};

/** Weights sum to 1; the active alternative has the largest. `state` as it is once `active` is in force. */
export const splitOf = (input: Look, state: BindingState, active: string): readonly BindingTarget[] => {
  const { component } = input;
  const tried = component.alternatives.filter(
    (alternative) => alternative.name !== active && mayBeTried(input, state, alternative),
  );
  const share = tried.length === 0 ? 0 : Math.min(0.2, Math.max(0, component.rebind.trialShare));
  const weightOf = ({ name }: Alternative): number =>
    name === active ? 1 - share : share / Math.max(1, tried.length);
  return component.alternatives
    .filter((alternative) => alternative.name === active || (share > 0 && tried.includes(alternative)))
    .map((alternative) => ({
      alternative: alternative.name,
      target: alternative.target,
      weight: weightOf(alternative),
    }));
};

const absentOf = (input: Look, state: BindingState, active: string): readonly string[] =>
  cheaperThan(input.component, active)
    .filter((alternative) => {
      const seen = stateOf(state, alternative.name);
      return seen.abandonedAtMs > 0 ? seen.onlyAbsent : !isBad(seen) && !isAvailable(input, alternative);
    })
    .map(({ name }) => name);

/** Of a record whose traffic does not move: what it says holds until a trial has found one to be bad. */
const stillAbsent = (record: BindingRecord, state: BindingState): readonly string[] =>
  (record.absent ?? []).filter((name) => {
    const seen = stateOf(state, name);
    return !isBad(seen) && (seen.abandonedAtMs === 0 || seen.onlyAbsent);
  });

const figures = (component: Component, state: BindingState): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    component.alternatives.map(({ name, price }) => {
      const { last, verdict, why, goodMs, penalty, abandonedAtMs } = stateOf(state, name);
      return [
        name,
        {
          price,
          verdict,
          why,
          requests: last?.requests ?? null,
          errors: last?.errors ?? null,
          p95Ms: last === null || last.requests === 0 ? null : Math.round(last.p95Ms),
          ...(abandonedAtMs > 0 ? { abandonedAtMs, goodMs, penalty } : {}),
        },
      ];
    }),
  );

const choose = (input: Look, state: BindingState): Choice | null => {
  const { component, record } = input;
  if (record === null) return firstChoice(input, state, 'nothing was bound yet');
  const active = component.alternatives.find(({ name }) => name === record.active);
  if (active === undefined) {
    const choice = firstChoice(input, state, `${record.active} is no alternative any more`);
    return choice && { ...choice, action: 'rebind' };
  }
  return leave(input, state, active) ?? comeBack(input, state, active);
};

const sameSplit = (a: readonly BindingTarget[], b: readonly BindingTarget[]): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/** What has to be written of this binding; null: nothing. `state` has taken the same look in. */
export const decideBinding = (input: Look, state: BindingState): BindingChange | null => {
  const { component, record } = input;
  const choice = choose(input, state);
  const active = choice?.alternative.name ?? record?.active;
  if (active === undefined) return null;
  // What is left because it is bad is not tried in the same moment.
  const moved = choice !== null && record !== null;
  const split = splitOf(input, state, active).filter(
    ({ alternative }) => !moved || alternative !== record.active,
  );
  const whole = moved ? atFullWeight(split, active) : split;
  if (choice === null && record !== null && sameSplit(record.split, whole)) return null;
  const trials = whole
    .filter(({ alternative }) => alternative !== active)
    .map(({ alternative }) => alternative);
  return {
    active,
    split: whole,
    absent: choice === null && record !== null ? stillAbsent(record, state) : absentOf(input, state, active),
    action: choice?.action ?? 'trial',
    change:
      choice === null
        ? `${active} with ${trials.length === 0 ? 'no trial' : `trial of ${trials.join(', ')}`}`
        : record === null
          ? `→ ${active}`
          : `${record.active} → ${active}`,
    reason:
      choice?.reason ??
      (trials.length === 0
        ? 'what is not in force is left alone for now'
        : 'its quality has to be known before it can get the traffic'),
    inputs: figures(component, state),
    always: record === null,
  };
};

const atFullWeight = (split: readonly BindingTarget[], active: string): readonly BindingTarget[] => {
  const others = split.filter(({ alternative }) => alternative !== active);
  const share = others.reduce((sum, { weight }) => sum + weight, 0);
  return split.map((target) => (target.alternative === active ? { ...target, weight: 1 - share } : target));
};
