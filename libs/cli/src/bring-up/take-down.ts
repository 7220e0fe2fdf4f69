/**
 * `mitosis down` as a function: dispose of the level in order while its management answers, then have the agent purge
 * what is left, and end the agent with its last level. Also when etcd is dead: then by force, which the result says.
 */
import { MitosisError, type agent } from '@mitosis/contracts';
import type { HostSession } from '../session/host.js';
import { boundOf, isOver, leftMs, pause, type Bound } from '../session/wait.js';

export interface TakenDown {
  readonly level: string;
  /** Everything was drained and stopped in dependency order. */
  readonly orderly: boolean;
  /** Why not; empty when orderly. */
  readonly reason: string;
  /** Ids the agent had to stop. */
  readonly purged: readonly string[];
}

export interface TakeDownEvents {
  progress(level: string, remaining: number): void;
  milestone(text: string): void;
}

/** No answer of a composer for this long: its etcd or all its managers are dead, and will not come back in time. */
const SILENCE_MS = 8_000;
const POLL_MS = 200;
/** Bounded by what is running: each is given its grace, then killed; all at the same time. */
const PURGE_MS = 60_000;
const OTHERS_MS = 1_000;
const SHUTDOWN_MS = 5_000;

export const takeDown = async (
  host: HostSession,
  level: string,
  { force, volumes }: { readonly force: boolean; readonly volumes: boolean },
  bound: Bound,
  events: TakeDownEvents,
): Promise<TakenDown> => {
  // Beside the disposal: where the management is dead nobody answers, and that must not take longer for it.
  const asked = otherAgents(host, level);
  const reason = force ? 'by force, as told' : await disposeOf(host, level, bound, events);
  if (reason !== '') events.milestone(`${level}: not disposed of in order (${reason}); stopping it by force`);
  const request = { level, volumes };
  const { stopped } = await host.rpc.unary('agent', host.agentAddress, 'purge', request, PURGE_MS);
  const others = await Promise.race([asked, pause(OTHERS_MS, bound).then((): readonly string[] => [])]);
  for (const address of others) await purgeOther(host, address, request, events);
  events.milestone(`${level}: nothing of it is left`);
  return { level, orderly: reason === '', reason, purged: stopped };
};

/** Of the level's other hosts, as its placer knows them; none while it does not answer. */
const otherAgents = async (host: HostSession, level: string): Promise<readonly string[]> => {
  try {
    const { sites } = await (await host.level(level)).sites();
    const addresses = new Set(sites.map(({ agent }) => agent));
    return [...addresses].filter((address) => address !== '' && address !== host.agentAddress);
  } catch {
    return [];
  }
};

/** A host that does not answer must not keep the others: it is told, and named. */
const purgeOther = async (
  host: HostSession,
  address: string,
  request: agent.PurgeRequest,
  events: TakeDownEvents,
): Promise<void> => {
  try {
    await host.rpc.unary('agent', address, 'purge', request, PURGE_MS);
    const { levels } = await host.rpc.unary('agent', address, 'levels', {}, SHUTDOWN_MS);
    if (levels.length === 0)
      await host.rpc.unary('agent', address, 'shutdown', { force: false }, SHUTDOWN_MS);
  } catch (error) {
    const why = error instanceof MitosisError ? error.message : String(error);
    events.milestone(`${request.level}: the agent at ${address} was not reached (${why}): run down there`);
  }
};

/** Answers why it could not be done, or '' when it is done. */
const disposeOf = async (
  host: HostSession,
  level: string,
  bound: Bound,
  events: TakeDownEvents,
): Promise<string> => {
  const session = await host.level(level);
  while (!isOver(bound)) {
    try {
      const { done, remaining } = await session.dispose(
        boundOf(Math.min(SILENCE_MS, leftMs(bound)), bound.signal),
      );
      events.progress(level, remaining);
      if (done) return '';
    } catch (error) {
      return error instanceof MitosisError ? error.message : String(error);
    }
    await pause(POLL_MS, bound);
  }
  return 'it took too long';
};

/** Ends the agent when it has no level left; answers whether it ended. */
export const endAgent = async (host: HostSession): Promise<boolean> => {
  if ((await host.levels()).length > 0) return false;
  await host.rpc.unary('agent', host.agentAddress, 'shutdown', { force: false }, SHUTDOWN_MS);
  return true;
};
