/** This process's part of the host's history: who acted as leader of what, when, under which epoch. */
import { KEYS, PREFIXES, type InstanceRecord } from '@mitosis/contracts';
import type { ObservedSession, SessionChange, SessionObserver, WriteOp } from '@mitosis/coordination';
import { historyDirectory, Journal, KEYS_MAX, type CommitEntry, type Leadership } from '@mitosis/history';
import type { ServiceConfig } from '../config.js';

export const observeSessions = ({
  home,
  level,
  replica,
}: Pick<ServiceConfig, 'home' | 'level' | 'replica'>): SessionObserver => {
  const journal = new Journal({
    directory: historyDirectory(home),
    party: 'replica',
    name: `${level}~${replica}`,
  });
  return {
    began: (session, ttlMs, remainingMs) => {
      journal.record({ k: 'begin', ...of(session), ttlMs, remainingMs: Math.round(remainingMs) });
      return journal.written();
    },
    ended: (session, reason) => journal.record({ k: 'end', ...of(session), reason }),
    committing: (session, n, change, remainingMs) => {
      journal.record({
        k: 'commit',
        ...of(session),
        n,
        remainingMs: Math.round(remainingMs),
        ...contentOf(session, change),
      });
      return journal.written();
    },
    committed: (session, n, outcome, revision) =>
      journal.record({ k: 'outcome', ...of(session), n, outcome, revision }),
    madeHeader: (session, decision, remainingMs) =>
      journal.record({ k: 'header', ...of(session), decision, remainingMs: Math.round(remainingMs) }),
  };
};

const of = ({ level, fn, replica, epoch }: ObservedSession): Leadership => ({ level, fn, replica, epoch });

const contentOf = (
  { fn }: ObservedSession,
  { writes = [], decisions = [] }: SessionChange,
): Pick<CommitEntry, 'keys' | 'decisions' | 'phases'> => {
  const phases: Record<string, readonly [string, string]> = {};
  for (const write of writes) {
    if (write.kind !== 'put' || !write.key.startsWith(PREFIXES.instances)) continue;
    const { id, phase, decision } = JSON.parse(write.value) as InstanceRecord;
    phases[id] = [phase, decision];
  }
  const ids = decisions.map(({ id }) => id);
  const keys = [...writes.map(nameOf), ...ids.map((id) => KEYS.decision(fn, id))];
  return { keys: keys.slice(0, KEYS_MAX), decisions: ids, phases };
};

const nameOf = (write: WriteOp): string => (write.kind === 'deletePrefix' ? `${write.prefix}*` : write.key);
