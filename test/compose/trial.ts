/**
 * One trial: a fault at the replica that leads a function, or at an etcd member, held until another has taken over, then
 * taken back; the level must be whole again. Used by the test (one fault a service) and the matrix (all).
 */
import { FUNCTION_NAMES, type FunctionName } from '@mitosis/contracts';
import { until } from '../level/until.js';
import { READY_BOUND_MS, type ComposeLevel, type Leadership } from './compose-level.js';
import { FAULTS, inject, type Fault } from './faults.js';
import type { ManagedShop } from './managed-shop.js';

export type Victim = FunctionName | 'etcd';
export const VICTIMS: readonly Victim[] = [...FUNCTION_NAMES, 'etcd'];

export interface Trial {
  readonly victim: Victim;
  readonly fault: Fault;
}

export interface TrialResult {
  readonly container: string;
  /** From the fault to another leader; of an etcd member to the first answer of every leader. */
  readonly takenOverMs: number;
  /** From the fault being taken back to everything whole. */
  readonly wholeMs: number;
}

/** One fault for each victim, drawn from the seed so that each kind comes. */
export const drawn = (seed: number, victims: readonly Victim[] = VICTIMS): readonly Trial[] =>
  victims.map((victim, index) => ({ victim, fault: faultAt(seed + index) }));

const faultAt = (index: number): Fault => {
  const fault = FAULTS[((index % FAULTS.length) + FAULTS.length) % FAULTS.length];
  if (fault === undefined) throw new Error('there is no fault');
  return fault;
};

export const leaderOf = (level: ComposeLevel, fn: FunctionName): Promise<Leadership> =>
  until(`${fn} has a leader`, () => level.leader(fn), READY_BOUND_MS, 200);

/** Throws when nobody takes over, or when the level is not whole again. */
export const tryFault = async (
  level: ComposeLevel,
  shop: ManagedShop,
  { victim, fault }: Trial,
): Promise<TrialResult> => {
  const before = victim === 'etcd' ? undefined : await leaderOf(level, victim);
  const container = before?.replica ?? 'etcd-2';
  const startedMs = performance.now();
  const heal = await inject(level, container, fault);
  let takenOverMs: number;
  try {
    if (victim === 'etcd') await everyLeader(level);
    else await succeeded(level, victim, before);
    takenOverMs = performance.now() - startedMs;
  } finally {
    await heal();
  }
  const healedMs = performance.now();
  await whole(level, shop);
  return { container, takenOverMs, wholeMs: performance.now() - healedMs };
};

const succeeded = async (
  level: ComposeLevel,
  fn: FunctionName,
  before: Leadership | undefined,
): Promise<void> => {
  await until(
    `another leads ${fn} than ${before?.replica}`,
    async () => {
      const now = await level.leader(fn);
      return (now !== undefined && now.revision > (before?.revision ?? 0)) || undefined;
    },
    READY_BOUND_MS,
    100,
  );
};

/** Everything is led, and a write goes through. */
const everyLeader = async (level: ComposeLevel): Promise<void> => {
  for (const fn of FUNCTION_NAMES) await leaderOf(level, fn);
  await level.must('scale', 'shop', 'cheap=1', '--for', '30s');
};

export const whole = async (level: ComposeLevel, shop: ManagedShop): Promise<void> => {
  await level.ready();
  for (const fn of FUNCTION_NAMES) await leaderOf(level, fn);
  await shop.ready();
};
