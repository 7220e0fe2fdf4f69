/**
 * What is remembered of a binding's alternatives between two looks. Plain JSON; every replica keeps it from the same
 * stream, so that a new leader neither forgets a bad alternative nor returns to it too early.
 */
import type { Alternative, BindingRecord, Component } from '@mitosis/contracts';
import type { Sample, Verdict, VerdictKind } from './verdict.js';
import { judge, recentOf } from './verdict.js';

export interface AlternativeState {
  readonly verdict: VerdictKind;
  readonly why: string;
  /** Since when it has been worse than the bounds without a break; 0: it is not. */
  readonly badSinceMs: number;
  /** Since when something dearer has its traffic, because it was bad or not ready; 0: nothing has. */
  readonly abandonedAtMs: number;
  /** While abandoned: it was never seen to be bad, only not ready. */
  readonly onlyAbsent: boolean;
  /** Since when it could take a request, without a break that was seen; 0: it cannot, or it is not known. */
  readonly availableSinceMs: number;
  /** How often in a row it turned bad soon after a return: each doubles the time until the next. */
  readonly penalty: number;
  readonly returnedAtMs: number;
  /** While abandoned: it gets trial traffic from here on; what is measured counts when the window holds nothing older. */
  readonly trialFromMs: number;
  /** Trials in a row that found it bad: each doubles the pause. */
  readonly failedTrials: number;
  /** While abandoned: how long its trials have been good. */
  readonly goodMs: number;
  readonly last: Sample | null;
}

export interface BindingState {
  readonly active: string;
  readonly lastMs: number;
  readonly alternatives: Readonly<Record<string, AlternativeState>>;
}

export const EMPTY_BINDING: BindingState = { active: '', lastMs: 0, alternatives: {} };

export const NEW_ALTERNATIVE: AlternativeState = {
  verdict: 'unknown',
  why: 'nothing was measured',
  badSinceMs: 0,
  abandonedAtMs: 0,
  onlyAbsent: false,
  availableSinceMs: 0,
  penalty: 0,
  returnedAtMs: 0,
  trialFromMs: 0,
  failedTrials: 0,
  goodMs: 0,
  last: null,
};

/** Windows of the monitor are ten seconds wide; one more for its tick. */
const WINDOW_MS = 11_000;
/** Between abandoning an alternative and its first trial: most outages of a second are over by then. */
const TRIAL_PAUSE_MS = 2_000;
const TRIAL_PAUSE_MAX_MS = 60_000;
/** A return that lasted this many times the return period was right. */
const FLAP_PERIODS = 10;
const PENALTY_MAX = 6;
/** Looks further apart than this say nothing about what was between them. */
const GAP_MS = 5_000;

export const stateOf = (state: BindingState, name: string): AlternativeState =>
  (Object.hasOwn(state.alternatives, name) ? state.alternatives[name] : undefined) ?? NEW_ALTERNATIVE;

/** How long an abandoned alternative must have been good before it gets the traffic back. */
export const returnPeriodMs = (component: Component, alternative: AlternativeState): number =>
  component.rebind.returnAfterMs * 2 ** alternative.penalty;

export interface Look {
  readonly component: Component;
  readonly record: BindingRecord | null;
  /** By alternative; null: the monitor is silent. An alternative that is missing had no request. */
  readonly samples: ReadonlyMap<string, Sample> | null;
  /** Ready endpoints by component; missing: unknown. */
  readonly ready: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

/** false: it cannot take a request now, or it is not known whether it can. */
export const isAvailable = ({ ready }: Pick<Look, 'ready'>, { target }: Alternative): boolean =>
  target.kind === 'url' || (ready.get(target.component) ?? 0) > 0;

const abandon = (
  state: AlternativeState,
  look: Look,
  atMs: number,
  onlyAbsent: boolean,
): AlternativeState => {
  const flapped =
    state.returnedAtMs > 0 && atMs - state.returnedAtMs < FLAP_PERIODS * look.component.rebind.returnAfterMs;
  return {
    ...state,
    abandonedAtMs: atMs,
    onlyAbsent,
    penalty: flapped ? Math.min(PENALTY_MAX, state.penalty + 1) : 0,
    trialFromMs: atMs + TRIAL_PAUSE_MS,
    failedTrials: 0,
    goodMs: 0,
    badSinceMs: 0,
  };
};

/** Alternatives come cheapest first; of equal price the one listed first. */
export const byPrice = (component: Component): Component['alternatives'] =>
  component.alternatives
    .map((alternative, i) => ({ alternative, i }))
    .sort((a, b) => a.alternative.price - b.alternative.price || a.i - b.i)
    .map(({ alternative }) => alternative);

/** Those that come before it in that order; none when it is no alternative. */
export const cheaperThan = (component: Component, name: string): Component['alternatives'] => {
  const order = byPrice(component);
  return order.slice(
    0,
    Math.max(
      0,
      order.findIndex((one) => one.name === name),
    ),
  );
};

/** The record names another alternative than before: the traffic has moved. */
const followRecord = (state: BindingState, look: Look): BindingState => {
  const active = look.record?.active ?? '';
  if (active === '' || active === state.active) return { ...state, active };
  const alternatives = { ...state.alternatives };
  const sinceMs = look.record?.sinceMs ?? look.nowMs;
  const left = cheaperThan(look.component, active).filter(
    ({ name }) => state.active === '' || name === state.active,
  );
  const absent = look.record?.absent ?? [];
  // Something cheaper than what is in force was left because it was bad, unless the record says that it was not there.
  for (const { name } of left)
    alternatives[name] = abandon(stateOf(state, name), look, sinceMs, absent.includes(name));
  const returned = stateOf(state, active).abandonedAtMs > 0;
  alternatives[active] = {
    ...stateOf(state, active),
    abandonedAtMs: 0,
    onlyAbsent: false,
    goodMs: 0,
    badSinceMs: 0,
    failedTrials: 0,
    returnedAtMs: returned ? look.nowMs : 0,
  };
  return { ...state, active, alternatives };
};

/** The window of an abandoned alternative still holds what it was abandoned for, or what ended its last trial. */
const windowIsOld = (state: AlternativeState, nowMs: number): boolean =>
  state.abandonedAtMs > 0 &&
  nowMs < Math.max(state.abandonedAtMs, state.trialFromMs - TRIAL_PAUSE_MS) + WINDOW_MS;

const verdictOf = (state: AlternativeState, look: Look, name: string, elapsedMs: number): Verdict => {
  const sample = look.samples?.get(name) ?? null;
  if (windowIsOld(state, look.nowMs)) return { kind: 'unknown', why: 'its trial has only begun' };
  const recent =
    sample !== null && state.last !== null && elapsedMs < GAP_MS
      ? recentOf(state.last, sample, elapsedMs)
      : null;
  return judge(sample, look.component.rebind, recent);
};

const pauseTrial = (state: AlternativeState, nowMs: number): AlternativeState => {
  const pauseMs = Math.min(TRIAL_PAUSE_MAX_MS, TRIAL_PAUSE_MS * 2 ** state.failedTrials);
  return {
    ...state,
    onlyAbsent: false,
    failedTrials: state.failedTrials + 1,
    trialFromMs: nowMs + pauseMs,
    goodMs: 0,
  };
};

const takeTrial = (
  state: AlternativeState,
  kind: VerdictKind,
  nowMs: number,
  elapsedMs: number,
): AlternativeState => {
  if (state.abandonedAtMs === 0 || nowMs < state.trialFromMs) return state;
  if (kind === 'bad' || kind === 'failing') return pauseTrial(state, nowMs);
  if (kind !== 'good') return state;
  // The first window that holds nothing but the trial speaks for all of it.
  const credit = state.goodMs === 0 ? Math.min(WINDOW_MS, nowMs - state.trialFromMs) : elapsedMs;
  return { ...state, goodMs: state.goodMs + Math.max(0, credit) };
};

/** Looks far apart say nothing about what was between them. */
const availableSince = (state: AlternativeState, at: Look, alternative: Alternative, elapsedMs: number) => {
  if (!isAvailable(at, alternative)) return 0;
  return state.availableSinceMs === 0 || elapsedMs >= GAP_MS ? at.nowMs : state.availableSinceMs;
};

const look = (
  state: AlternativeState,
  at: Look,
  alternative: Alternative,
  elapsedMs: number,
): AlternativeState => {
  const { name } = alternative;
  const { kind, why } = verdictOf(state, at, name, elapsedMs);
  const bad = kind === 'bad' || kind === 'failing';
  const seen: AlternativeState = {
    ...state,
    verdict: kind,
    why,
    availableSinceMs: availableSince(state, at, alternative, elapsedMs),
    badSinceMs: bad ? (state.badSinceMs === 0 ? at.nowMs : state.badSinceMs) : 0,
    last: at.samples?.get(name) ?? null,
  };
  return takeTrial(seen, kind, at.nowMs, elapsedMs < GAP_MS ? elapsedMs : 0);
};

/** Takes one look in. A silent monitor ends periods of being bad: nothing is concluded from silence. */
export const observeBinding = (before: BindingState, at: Look): BindingState => {
  const followed = followRecord(before, at);
  const elapsedMs = before.lastMs === 0 ? Infinity : Math.max(0, at.nowMs - before.lastMs);
  return {
    active: followed.active,
    lastMs: at.nowMs,
    alternatives: Object.fromEntries(
      at.component.alternatives.map((alternative) => [
        alternative.name,
        look(stateOf(followed, alternative.name), at, alternative, elapsedMs),
      ]),
    ),
  };
};
