/** Starts and stops that nobody decided, or that are done twice. */
import { portCandidates } from '@mitosis/agent/decide';
import { PREFIXES, type InstanceRecord } from '@mitosis/contracts';
import type { LeaderSession, Store } from '@mitosis/coordination';
import type { FunctionContext, FunctionShell } from '@mitosis/service-kit';
import type { AgentRules } from '../host/sim-agent.js';
import { forwarding } from './forwarding.js';
import type { Defect } from './defect.js';

export const doubleStart: Defect = {
  summary: 'a start whose id runs already starts it again',
  brokenBy: ['no-duplicates'],
  provokedBy: ['stop-agent', 'stop-agent', 'load', 'roll-out'],
  // An agent that is stopped for longer than the deadline of a start finds the start and its repetition.
  plan: 'load@7000+0#4,stop-agent@7400+12500#1,stop-agent@7405+12500#2,roll-out@7000+0#1',
  caughtBySeed: 1,
  level: () => ({ rules: { createIfAbsent: false } }),
};

export const tombstonesForgotten: Defect = {
  summary: 'an agent forgets what it was told to stop',
  brokenBy: ['ids-once'],
  provokedBy: ['stop-agent', 'stop-agent', 'roll-out', 'load', 'restore'],
  // A snapshot holds a start that its agent is late with; when the store is made anew from it, that one was stopped.
  plan: 'stop-agent@8805+2500#2,roll-out@8900+0#1,roll-out@12500+0#2,restore@20000+0#1',
  caughtBySeed: 1,
  level: () => ({ rules: { keptTombstones: () => [] } }),
};

export const portsAtOnce: Defect = {
  summary: 'a port that was released is handed out again before any that was never used',
  brokenBy: ['no-stranger'],
  provokedBy: ['etcd-cut-off', 'flapping', 'stop-instance', 'load', 'roll-out'],
  // A router that cannot hear of it leads `web` to where `store` is replaced meanwhile.
  plan: 'etcd-cut-off@9000+14000#1,roll-out@9500+0#1,stop-instance@14000+6000#3',
  caughtBySeed: 1,
  level: () => ({ rules: { portCandidates: releasedFirst } }),
};

const releasedFirst: AgentRules['portCandidates'] = function* (input) {
  for (const { port } of input.resting) if (!input.taken.has(port)) yield port;
  yield* portCandidates({ ...input, resting: [] });
};

export const actBeforeCommit: Defect = {
  summary: 'an instance is started although its record was never written',
  brokenBy: ['committed-first'],
  provokedBy: ['roll-out', 'load', 'crash-instance'],
  caughtBySeed: 1,
  level: () => ({
    seams: {
      store: (store) =>
        forwarding<Store>(store, {
          txn: async (compares, writes, options) => {
            const kept = writes.filter(
              (write) =>
                write.kind !== 'put' ||
                !write.key.startsWith(`${PREFIXES.instances}web`) ||
                (JSON.parse(write.value) as InstanceRecord).phase !== 'starting',
            );
            return store.txn(compares, kept, options);
          },
        }),
    },
  }),
};

/** Takes what no record names for unwanted, at every pass of health. */
export const stopOnAbsence: Defect = {
  summary: 'what runs without a record is stopped without a decision, also when the store lost it',
  brokenBy: ['committed-first'],
  provokedBy: ['restore', 'roll-out', 'load'],
  caughtBySeed: 1,
  level: () => ({
    seams: {
      shell: (shell) => {
        if (shell.fn !== 'health') return shell;
        let context: FunctionContext | undefined;
        return forwarding<FunctionShell>(shell, {
          start: (given, nudge) => {
            context = given;
            return shell.start(given, nudge);
          },
          pass: async (pass) => {
            if (context !== undefined) await stopUnnamed(context, pass.session);
            return shell.pass(pass);
          },
        });
      },
    },
  }),
};

const stopUnnamed = async (context: FunctionContext, session: LeaderSession): Promise<void> => {
  const instances = context.view(PREFIXES.instances);
  const sites = context.view(PREFIXES.sites);
  if (!instances.synced) return;
  for (const { value } of sites.entries.values()) {
    const { agent } = JSON.parse(value) as { readonly agent: string };
    const seen: string[] = [];
    const ending = new AbortController();
    context.peers.stream(
      'agent',
      agent,
      'watch',
      { level: context.level },
      {
        onMessage: ({ event }) => {
          if (event?.$case === 'status') seen.push(event.value.id);
        },
      },
      ending.signal,
    );
    await new Promise<void>((resolve) => context.clock.setTimer(20, resolve));
    ending.abort();
    for (const id of seen) {
      if (instances.get(PREFIXES.instances + id) !== undefined) continue;
      const request = { act: session.actHeader('absence'), id, graceMs: -1, reason: 'no record names it' };
      await context.peers.call('agent', agent, 'stop', request).catch(() => undefined);
    }
  }
};
