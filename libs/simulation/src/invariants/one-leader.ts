/** Never two effective leaders: judged at the agents for acts, and in etcd's own order for commits. */
import {
  compareEpochs,
  formatEpoch,
  isFunctionName,
  PREFIXES,
  ZERO_EPOCH,
  type CandidateRecord,
  type Epoch,
  type FunctionName,
} from '@mitosis/contracts';
import { levelPrefix } from '@mitosis/contracts';
import { LEVEL } from '../level/composition.js';
import type { SimLevel } from '../level/sim-level.js';
import type { Invariant } from './invariant.js';

const OWNERS: Readonly<Record<string, FunctionName>> = {
  [PREFIXES.spec]: 'composer',
  [PREFIXES.bindings]: 'composer',
  [PREFIXES.children]: 'composer',
  [PREFIXES.targets]: 'autoscaler',
  [PREFIXES.sizes]: 'autoscaler',
  [PREFIXES.objective]: 'autoscaler',
  [PREFIXES.sites]: 'placer',
  [PREFIXES.placements]: 'placer',
  [PREFIXES.instances]: 'health',
  [PREFIXES.rollouts]: 'health',
  [PREFIXES.births]: 'health',
  [PREFIXES.endpoints]: 'health',
  [PREFIXES.listeners]: 'health',
  [PREFIXES.childEntries]: 'router',
  [PREFIXES.routes]: 'router',
};

/** The one function that may write the key; undefined: a key of every process's own. */
const ownerOf = (key: string): FunctionName | undefined => {
  const relative = key.slice(levelPrefix(LEVEL).length);
  const own = [PREFIXES.decisions, PREFIXES.facts, PREFIXES.ceilings].find((prefix) =>
    relative.startsWith(prefix),
  );
  if (own !== undefined) {
    const fn = relative.slice(own.length).split('/')[0] ?? '';
    return isFunctionName(fn) ? fn : undefined;
  }
  return OWNERS[relative.slice(0, relative.indexOf('/') + 1)];
};

/** Who leads by the keys alone, in this moment of the store. */
const holderOf = (level: SimLevel, fn: FunctionName): string | undefined => {
  const candidates = level
    .entries(`${PREFIXES.election}${fn}/`)
    .toSorted((a, b) => a.createRevision - b.createRevision);
  const [first] = candidates;
  return first && (JSON.parse(first.value) as CandidateRecord).replica;
};

export const commitsByTheHolder: Invariant = {
  summary:
    'only who holds the oldest election key of a function writes its records, in the order of the store',
  watch: (level, fail) => {
    /**
     * Who has not written since the store was made anew. Its first write is excused, and no other: a snapshot may hold the
     * key a leader led by while an older one, gone since, stood before it. Both keys are there again, the fence of the
     * leader of before (its own key, the `level` record) holds, and nothing in the store can tell it that it does not lead.
     * The answer does: its revision or raft term lies behind what the process has seen, so that every view lists again and
     * the candidate finds the older key before the next write. Acts do not profit: the new incarnation fences them.
     */
    let unaware = new Set<string>();
    return {
      onStoreReplaced: () => (unaware = new Set(level.children().map(({ id }) => id))),
      onTxn: ({ client, txn, response }) => {
        if (!response.succeeded) return;
        const owners = new Set<FunctionName>();
        for (const write of txn.writes) {
          const owner = ownerOf(write.kind === 'put' ? write.key : write.range.key);
          if (owner !== undefined) owners.add(owner);
        }
        if (unaware.delete(client)) return;
        for (const owner of owners) {
          const holder = holderOf(level, owner);
          if (holder !== client)
            fail(`${client} wrote records of ${owner}, whose key ${holder ?? 'nobody'} holds`);
        }
      },
    };
  },
};

export const actsInOrder: Invariant = {
  summary: 'no agent accepts an act of an older epoch after one of a newer',
  watch: (_, fail) => {
    const newest = new Map<string, Epoch>();
    return {
      onAct: ({ host, kind, id, act, verdict }) => {
        if (verdict !== 'accepted' || act?.epoch === undefined) return;
        const before = newest.get(host.site) ?? ZERO_EPOCH;
        if (compareEpochs(act.epoch, before) < 0)
          fail(
            `${kind} ${id} of epoch ${formatEpoch(act.epoch)} was accepted at ${host.site} after ${formatEpoch(before)}`,
          );
        else newest.set(host.site, act.epoch);
      },
    };
  },
};

export const actsInsideSessions: Invariant = {
  summary: 'no act is sent after the lease of its sender has run out',
  watch: (level, fail) => {
    const expired = new Set<string>();
    const leases = new Map<string, string>();
    level.etcd.onLease(({ id, kind }) => {
      if (kind === 'expired') expired.add(id);
    });
    return {
      onTxn: ({ txn, response }) => {
        if (!response.succeeded) return;
        for (const write of txn.writes) {
          if (write.kind !== 'put' || !write.key.includes(`/${PREFIXES.election}`)) continue;
          const { replica } = JSON.parse(write.value) as CandidateRecord;
          leases.set(`${replica} ${response.header.revision}`, write.lease);
        }
      },
      onSend: (act) => {
        const lease = leases.get(`${act.replica} ${act.epoch?.revision ?? 0}`);
        if (lease !== undefined && expired.has(lease))
          fail(`${act.replica} sent an act of ${act.function} after its lease ran out`);
      },
      onStoreReplaced: () => leases.clear(),
    };
  },
};
