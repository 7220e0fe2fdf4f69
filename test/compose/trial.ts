/**
 * One trial: a fault at the replica that leads a function, or at an etcd member, held until another has taken over, then
 * taken back; the level must be whole again. Used by the test (one fault a service) and the matrix (all).
 */
import { FUNCTION_NAMES, type FunctionName } from '@mitosis/contracts';
import { until } from '../level/until.js';
import { READY_BOUND_MS, type ComposeLevel, type Leadership } from './compose-level.js';
import { FAULTS, inject, type Fault } from './faults.js';
import type { ManagedShop } from './managed-shop.js';

const ETCD_MEMBERS = ['etcd-1', 'etcd-2', 'etcd-3'] as const;
export type Victim = FunctionName | (typeof ETCD_MEMBERS)[number];
export const VICTIMS: readonly Victim[] = [...FUNCTION_NAMES, ...ETCD_MEMBERS];

export interface Trial {
  readonly victim: Victim;
  readonly fault: Fault;
}

export interface TrialResult {
  readonly container: string;
  /** From the fault to another leader; of an etcd member to a write after every function was led. */
  readonly takenOverMs: number;
  /** From the fault being taken back to everything whole. */
  readonly wholeMs: number;
}

/** One fault for each service and one etcd member, drawn from the seed so that each kind comes. */
export const drawn = (seed: number): readonly Trial[] => {
  const member = ETCD_MEMBERS[Math.abs(seed) % ETCD_MEMBERS.length] ?? ETCD_MEMBERS[0];
  return [...FUNCTION_NAMES, member].map((victim, index) => ({ victim, fault: faultAt(seed + index) }));
};

const faultAt = (index: number): Fault => FAULTS[Math.abs(index) % FAULTS.length] ?? FAULTS[0];

export const leaderOf = (level: ComposeLevel, fn: FunctionName): Promise<Leadership> =>
  until(`${fn} has a leader`, () => level.leader(fn), READY_BOUND_MS, 200);

const isMember = (victim: Victim): victim is (typeof ETCD_MEMBERS)[number] =>
  ETCD_MEMBERS.some((member) => member === victim);

/** Throws when nobody takes over, or when the level is not whole again. */
export const tryFault = async (
  level: ComposeLevel,
  shop: ManagedShop,
  { victim, fault }: Trial,
): Promise<TrialResult> => {
  const before = isMember(victim) ? undefined : await leaderOf(level, victim);
  const container = before?.replica ?? victim;
  const startedMs = performance.now();
  const heal = await inject(level, container, fault);
  let takenOverMs: number;
  try {
    if (isMember(victim)) await goesOn(level);
    else await succeeded(level, victim, before?.revision ?? 0);
    takenOverMs = performance.now() - startedMs;
  } finally {
    await heal();
  }
  const healedMs = performance.now();
  await whole(level, shop);
  return { container, takenOverMs, wholeMs: performance.now() - healedMs };
};

const succeeded = async (level: ComposeLevel, fn: FunctionName, revision: number): Promise<void> => {
  await until(
    `${fn} is led by a later election`,
    async () => ((await level.leader(fn))?.revision ?? 0) > revision || undefined,
    READY_BOUND_MS,
    100,
  );
};

/** Everything is led, and a write goes through; one that was under way may have been cut short by an end of its leader. */
const goesOn = async (level: ComposeLevel): Promise<void> => {
  for (const fn of FUNCTION_NAMES) await leaderOf(level, fn);
  await until(
    'a write goes through',
    () => level.must('scale', 'shop', 'cheap=1', '--for', '30s'),
    READY_BOUND_MS,
    500,
  );
};

export const whole = async (level: ComposeLevel, shop: ManagedShop): Promise<void> => {
  await level.ready();
  for (const fn of FUNCTION_NAMES) await leaderOf(level, fn);
  await shop.ready();
};
