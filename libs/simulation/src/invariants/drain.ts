/** The acknowledged drain: who said that it has no request at an instance sends it none, and health waits for all of them. */
import { instanceId, KEYS, type InstanceRecord } from '@mitosis/contracts';
import type { SimLevel } from '../level/sim-level.js';
import type { Invariant } from './invariant.js';
import { putsOf } from './writes.js';

/** Of the simulated composition, and a little for clocks. */
const DRAIN_MS = 3_000;

export const quietAfterAck: Invariant = {
  summary: 'an endpoint gets no request from a router that acknowledged its drain',
  watch: (_, fail) => {
    /** Revision from which the endpoints say that an instance drains. */
    const drains = new Map<string, number>();
    const acked = new Set<string>();
    return {
      onTxn: (seen) => {
        for (const { value } of putsOf(seen, 'endpoints'))
          for (const { instance, state } of value.endpoints)
            if (state === 'draining' && !drains.has(instance))
              drains.set(instance, seen.response.header.revision);
        for (const { value } of putsOf(seen, 'acks'))
          for (const [instance, revision] of drains)
            if (value.revision >= revision && !value.busy.includes(instanceId(instance)))
              acked.add(`${value.replica} ${instance}`);
      },
      onRequest: ({ router, instance }) => {
        if (acked.has(`${router.id} ${instance}`))
          fail(`${router.id} sent a request to ${instance} after it had acknowledged its drain`);
      },
      // Revisions of another store say nothing of these.
      onStoreReplaced: () => {
        drains.clear();
        acked.clear();
      },
    };
  },
};

export const drainedFirst: Invariant = {
  summary:
    'an instance that serves is stopped only when all routers acknowledged, or after the drain deadline',
  watch: (level, fail) => {
    const before = new Map<string, InstanceRecord>();
    const drains = new Map<string, number>();
    return {
      onTxn: (seen) => {
        const nowMs = wallOf(level, seen.client);
        for (const { value } of putsOf(seen, 'instances')) {
          const was = before.get(value.id);
          before.set(value.id, value);
          if (value.phase === 'draining' && was?.phase !== 'draining')
            drains.set(value.id, seen.response.header.revision);
          if (value.phase !== 'stopping' || was === undefined || !serves(level, value)) continue;
          if (was.phase === 'ready') fail(`${value.id} goes from ready to stopping without a drain`);
          const early = was.phase === 'draining' && nowMs < was.sinceMs + DRAIN_MS;
          const open = early ? unacknowledged(level, value, drains.get(value.id) ?? 0) : [];
          if (open.length > 0)
            fail(`${value.id} is stopped before ${open.join(', ')} acknowledged its drain`);
        }
      },
      onStoreReplaced: () => {
        before.clear();
        drains.clear();
      },
    };
  },
};

/** The clock of the process that decided. */
const wallOf = (level: SimLevel, client: string): number =>
  level
    .children()
    .find(({ id }) => id === client)
    ?.clock.wallMs() ?? level.clock.wallMs();

const PORTLESS: ReadonlySet<string> = new Set(['worker', 'migrate']);

const serves = (level: SimLevel, record: InstanceRecord): boolean =>
  record.class === 'application' &&
  !PORTLESS.has(record.component) &&
  level.apps().some(({ id }) => id === record.id);

const unacknowledged = (level: SimLevel, record: InstanceRecord, revision: number): readonly string[] =>
  level
    .records('members')
    .filter(({ functions }) => functions.includes('router'))
    .filter(({ replica }) => {
      const ack = level.record('acks', KEYS.ack(replica));
      return ack === undefined || ack.revision < revision || ack.busy.includes(record.id);
    })
    .map(({ replica }) => replica);
