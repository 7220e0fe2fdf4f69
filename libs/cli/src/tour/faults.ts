/** The faults of the tour: done, then watched until everything is as good as before. Each wait is bounded by its phase. */
import type { FunctionName, InstanceRecord } from '@mitosis/contracts';
import type { HostSession } from '../session/host.js';
import { isOver, pause, type Bound } from '../session/wait.js';
import type { LevelWatch } from './level-watch.js';
import type { Sample } from './load/sample.js';
import { summarise, within } from './load/statistics.js';
import { OBJECTIVE, PROVIDER, RECOVERY_BOUND_S } from './plan.js';
import type { FaultReport } from './report/report.js';
import type { ThirdParty } from './third-party.js';

export interface FaultContext {
  readonly host: HostSession;
  readonly level: string;
  readonly watch: LevelWatch;
  readonly samples: readonly Sample[];
}

const LOOK_MS = 100;

/** Looks until it finds something or the bound is over. */
const lookFor = async <T>(
  look: () => T | undefined | Promise<T | undefined>,
  bound: Bound,
): Promise<T | null> => {
  while (!isOver(bound)) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(LOOK_MS, bound);
  }
  return null;
};

const COMPONENT = 'web';

/** SIGKILL to the oldest instance of the entry; recovered when as many as wanted are ready, the newcomer among them. */
export const killInstance = async (context: FaultContext, bound: Bound): Promise<FaultReport> => {
  const { host, level, watch } = context;
  const victim = instancesOf(watch, level)
    .filter((one) => one.phase === 'ready')
    .sort((a, b) => a.createdAtMs - b.createdAtMs)[0];
  const atMs = Date.now();
  const base = {
    id: 'instance',
    title: 'instance killed',
    atMs,
    boundS: RECOVERY_BOUND_S.instance,
  } as const;
  if (victim === undefined)
    return {
      ...base,
      what: 'no instance was ready to be killed',
      detectedAtMs: null,
      recoveredAtMs: null,
      outcome: '',
    };
  await (await host.level(level)).kill(victim.id, 'SIGKILL');
  const successor = await lookFor(() => successorOf(watch, level, victim, atMs), bound);
  const noticed = watch.decisions.find(
    (one) =>
      one.level === level && one.function === 'health' && one.component === COMPONENT && one.atMs >= atMs,
  );
  return {
    ...base,
    what: `SIGKILL to ${victim.id}`,
    detectedAtMs: noticed?.atMs ?? null,
    recoveredAtMs: successor?.sinceMs ?? null,
    outcome: successor === null ? '' : `replaced by ${successor.id}`,
  };
};

const instancesOf = (watch: LevelWatch, level: string): readonly InstanceRecord[] =>
  (watch.graph(level)?.instances ?? []).filter((one) => one.component === COMPONENT);

const successorOf = (
  watch: LevelWatch,
  level: string,
  victim: InstanceRecord,
  atMs: number,
): InstanceRecord | undefined => {
  const composite = watch.view(level)?.composite?.components.find((one) => one.component === COMPONENT);
  const all = instancesOf(watch, level);
  const victimServes = all.some((one) => one.id === victim.id && one.phase === 'ready');
  if (composite === undefined || composite.ready < composite.wanted || victimServes) return undefined;
  return all
    .filter((one) => one.phase === 'ready' && one.createdAtMs >= atMs)
    .sort((a, b) => a.sinceMs - b.sinceMs)[0];
};

/** SIGKILL to the replica that leads a function; recovered when another leads and the killed one runs again. */
export const killLeader = async (
  context: FaultContext,
  fn: FunctionName,
  bound: Bound,
): Promise<FaultReport> => {
  const { host, level, watch } = context;
  const session = await host.level(level);
  const victim = await session.leaderReplica(fn);
  const atMs = Date.now();
  await session.kill(victim, 'SIGKILL');
  const successor = await lookFor(async () => {
    try {
      const { leaders } = await session.directory();
      const leader = leaders.find((one) => one.function === fn);
      return leader === undefined || leader.replica === victim ? undefined : { at: Date.now(), ...leader };
    } catch {
      return undefined;
    }
  }, bound);
  const whole = successor === null ? null : await lookFor(() => wholeAgain(watch, level, atMs), bound);
  return {
    id: 'leader',
    title: 'leader killed',
    what: `SIGKILL to ${victim}, leader of ${fn}`,
    atMs,
    detectedAtMs: successor?.at ?? null,
    recoveredAtMs: whole,
    boundS: RECOVERY_BOUND_S.leader,
    outcome: successor === null ? '' : `${successor.replica} leads ${fn}; two replicas again`,
  };
};

const wholeAgain = (watch: LevelWatch, level: string, atMs: number): number | undefined => {
  const view = watch.view(level);
  const restarted = view?.management.some((one) => one.startedAtMs >= atMs) ?? false;
  return restarted && view?.composite?.ready === true ? Date.now() : undefined;
};

const BINDING = 'payment';
const LOCAL = 'own';
const REMOTE = 'acme';

/** Makes the third party slow; recovered when the objective holds for a whole second again. */
export const slowProvider = async (
  context: FaultContext,
  party: ThirdParty,
  bound: Bound,
): Promise<FaultReport> => {
  const atMs = Date.now();
  await party.setLatency(PROVIDER.slowMs);
  const rebound = await lookFor(() => boundSince(context.watch, LOCAL, atMs), bound);
  const good = rebound === null ? null : await lookFor(() => goodSecond(context.samples, rebound), bound);
  return {
    id: 'provider',
    title: 'third party slow',
    what: `${REMOTE} answers after ${PROVIDER.slowMs} ms instead of ${PROVIDER.quickMs}`,
    atMs,
    detectedAtMs: rebound,
    recoveredAtMs: good,
    boundS: RECOVERY_BOUND_S.provider,
    outcome: rebound === null ? '' : `${BINDING} rebound to ${LOCAL}`,
  };
};

/** Makes it quick again; recovered when the traffic is back with it. */
export const restoreProvider = async (
  context: FaultContext,
  party: ThirdParty,
  bound: Bound,
): Promise<FaultReport> => {
  const atMs = Date.now();
  await party.setLatency(PROVIDER.quickMs);
  const back = await lookFor(() => boundSince(context.watch, REMOTE, atMs), bound);
  return {
    id: 'return',
    title: 'third party back',
    what: `${REMOTE} answers after ${PROVIDER.quickMs} ms again`,
    atMs,
    detectedAtMs: back,
    recoveredAtMs: back,
    boundS: RECOVERY_BOUND_S.return,
    outcome: back === null ? '' : `${BINDING} is bound to ${REMOTE} again, the cheaper one`,
  };
};

/** When the alternative came in force after the fault; clocks are the same machine's. */
const boundSince = (watch: LevelWatch, alternative: string, atMs: number): number | undefined => {
  const newest = watch.bindings.findLast((point) => point.component === BINDING);
  return newest?.active === alternative ? Math.max(atMs, newest.atMs) : undefined;
};

/** A slow answer must have come before its second can be judged. */
const ANSWERED_MS = PROVIDER.slowMs + 1_000;

/** End of the first second after `sinceMs` in which the objective holds again, over all requests as it is meant. */
const goodSecond = (samples: readonly Sample[], sinceMs: number): number | undefined => {
  for (let fromMs = sinceMs; fromMs + 1_000 <= Date.now() - ANSWERED_MS; fromMs += 1_000) {
    const second = summarise(within(samples, fromMs, fromMs + 1_000));
    if (second.p95Ms !== null && second.p95Ms <= OBJECTIVE.p95Ms && second.failed === 0)
      return fromMs + 1_000;
  }
  return undefined;
};
