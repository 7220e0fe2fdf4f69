/**
 * What the tour does and what must hold: phases with their load, capacities of the shop's programs, bounds. Pure data,
 * so that the report can say what it judged by.
 */
import type { LoadPiece, RequestKind } from './load/profile.js';

export type PhaseId =
  | 'steady'
  | 'rise'
  | 'peak'
  | 'instance-killed'
  | 'leader-killed'
  | 'provider-slow'
  | 'provider-back'
  | 'fall';

export interface PhasePlan {
  readonly id: PhaseId;
  readonly title: string;
  /** Said when the phase begins. */
  readonly about: string;
  readonly load: LoadPiece;
  /** Not judged by latency: the time from the begin in which the change may still show, seconds. */
  readonly settleS: number;
  /** The phase lasts at least so long, and at most so long while what it waits for has not come, seconds. */
  readonly minS: number;
  readonly maxS: number;
}

/** Requests per second one instance of each program can serve: stated and made so in examples/shop. */
export const CAPACITY = { web: 25, api: 50 } as const;

export const KINDS: readonly RequestKind[] = [
  { name: 'page', path: '/', share: 0.75 },
  { name: 'checkout', path: '/checkout?order={n}', share: 0.25 },
];

/** Instances the shop starts with (`deploy.replicas`), and how many requests each gets per request of a client. */
const START = [
  { perSecond: 2 * CAPACITY.web, perRequest: 1 },
  { perSecond: 2 * CAPACITY.api, perRequest: 0.75 },
];

/** Requests per second the starting instances can serve. */
export const STARTING_CAPACITY = Math.min(
  ...START.map(({ perSecond, perRequest }) => perSecond / perRequest),
);
/** How many times that the load must reach. */
export const LOAD_FACTOR = 3;

export const STEADY_RATE = 20;
/** Somewhat more than three times what the starting instances can serve. */
export const PEAK_RATE = 160;

/** x-mitosis.objective of examples/shop/compose.yaml. */
export const OBJECTIVE = { p95Ms: 300, errorRatio: 0.01 } as const;

const hold = (rate: number): LoadPiece => ({ seconds: 0, from: rate, to: rate });

export const PHASES: readonly PhasePlan[] = [
  {
    id: 'steady',
    title: 'steady',
    about: `${STEADY_RATE} requests per second: what a quiet day looks like`,
    load: hold(STEADY_RATE),
    settleS: 3,
    minS: 15,
    maxS: 15,
  },
  {
    id: 'rise',
    title: 'load rises',
    about: `to ${PEAK_RATE} requests per second, ${(PEAK_RATE / STARTING_CAPACITY).toFixed(1)} times what the starting instances can serve`,
    load: { seconds: 25, from: STEADY_RATE, to: PEAK_RATE },
    settleS: 0,
    minS: 25,
    maxS: 25,
  },
  {
    id: 'peak',
    title: 'peak',
    about: 'the load stays up',
    load: hold(PEAK_RATE),
    settleS: 5,
    minS: 15,
    maxS: 15,
  },
  {
    id: 'instance-killed',
    title: 'instance killed',
    about: 'SIGKILL to an instance of web',
    load: hold(PEAK_RATE),
    settleS: 2,
    minS: 8,
    maxS: 20,
  },
  {
    id: 'leader-killed',
    title: 'leader killed',
    about: 'SIGKILL to the manager that leads the autoscaler',
    load: hold(PEAK_RATE),
    settleS: 2,
    minS: 10,
    maxS: 25,
  },
  {
    id: 'provider-slow',
    title: 'third party slow',
    about: 'the payment provider answers after 1.5 s instead of 20 ms',
    load: hold(PEAK_RATE),
    settleS: 10,
    minS: 16,
    maxS: 30,
  },
  {
    id: 'provider-back',
    title: 'third party back',
    about: 'the payment provider is as quick as before',
    load: hold(PEAK_RATE),
    settleS: 0,
    minS: 6,
    maxS: 35,
  },
  {
    id: 'fall',
    title: 'load falls',
    about: `back to ${STEADY_RATE} requests per second`,
    load: { seconds: 4, from: PEAK_RATE, to: STEADY_RATE },
    settleS: 4,
    minS: 12,
    maxS: 45,
  },
];

/** Latency of the simulated third party, milliseconds. */
export const PROVIDER = { slowMs: 1_500, quickMs: 20 } as const;

/** Longest time to recover from each fault, seconds. */
export const RECOVERY_BOUND_S = { instance: 15, leader: 20, provider: 20, return: 35 } as const;
export type FaultId = keyof typeof RECOVERY_BOUND_S;
