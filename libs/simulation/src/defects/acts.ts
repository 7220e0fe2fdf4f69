/** Starts and stops that nobody decided, or that are done twice. */
import { PREFIXES, type InstanceRecord } from '@mitosis/contracts';
import type { LeaderSession, Store } from '@mitosis/coordination';
import type { FunctionContext, FunctionShell } from '@mitosis/service-kit';
import { forwarding } from './forwarding.js';
import type { Defect } from './defect.js';

export const doubleStart: Defect = {
  summary: 'a start whose id runs already starts it again',
  brokenBy: ['no-duplicates'],
  provokedBy: ['accusation', 'crash-manager', 'roll-out', 'slow-start', 'delay'],
  level: () => ({ rules: { createIfAbsent: false } }),
};

export const actBeforeCommit: Defect = {
  summary: 'an instance is started although its record was never written',
  brokenBy: ['committed-first'],
  provokedBy: ['roll-out', 'load', 'crash-instance'],
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

export const tombstonesForgotten: Defect = {
  summary: 'agents forget what they stopped',
  brokenBy: ['ids-once', 'no-duplicates'],
  provokedBy: ['restore', 'roll-out', 'crash-instance', 'slow-start', 'load'],
  level: () => ({ rules: { keptTombstones: () => [] } }),
};

/** Takes what no record names for unwanted, at every pass of health. */
export const stopOnAbsence: Defect = {
  summary: 'what runs without a record is stopped without a decision, also when the store lost it',
  brokenBy: ['committed-first'],
  provokedBy: ['restore', 'roll-out', 'load'],
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

export const portsReused: Defect = {
  summary: 'a released port is given to whoever asks next',
  brokenBy: ['no-stranger'],
  provokedBy: ['roll-out', 'load', 'etcd-cut-off', 'crash-instance', 'crash-router'],
  level: () => ({ rules: { restPorts: () => [] }, ports: { first: 20_000, last: 20_013 } }),
};
