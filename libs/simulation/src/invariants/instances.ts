/** What runs: never a duplicate, never a second exclusive one, never an id again, nothing started or stopped uncommitted. */
import type { StoredInstance } from '../host/host.js';
import type { Invariant } from './invariant.js';
import { putsOf } from './writes.js';

export const noDuplicates: Invariant = {
  summary: 'an id runs once; an exclusive or run-once component has one process at most',
  watch: (level, fail) => ({
    onSpawn: (_, child) => {
      const others = level.children().filter((other) => other !== child);
      if (others.some(({ id }) => id === child.id)) fail(`${child.id} is started beside itself`);
      const single = child.component === 'store' || child.component === 'migrate';
      const twin = others.find(({ component }) => component === child.component);
      if (single && twin !== undefined) fail(`${child.id} runs beside ${twin.id}`);
    },
  }),
};

export const idsOnce: Invariant = {
  summary: 'an id that was stopped never runs again',
  watch: (_, fail) => {
    /** What the agent knew of the id when it was told to stop it. */
    const stopped = new Map<string, StoredInstance | undefined>();
    return {
      onAct: ({ host, kind, id, verdict }) => {
        if (kind === 'stop' && verdict === 'accepted' && !stopped.has(id))
          stopped.set(id, host.disk.instances.get(id));
      },
      onSpawn: (host, child) => {
        // A start that was under way when the stop came still comes to its end, to be stopped.
        const known = host.disk.instances.get(child.id);
        if (stopped.has(child.id) && stopped.get(child.id) !== known)
          fail(`${child.id} was stopped and runs again`);
      },
    };
  },
};

export const committedFirst: Invariant = {
  summary: 'nothing is started or stopped without a committed decision',
  watch: (_, fail) => {
    const started = new Set<string>();
    const stopping = new Set<string>();
    return {
      onTxn: (seen) => {
        for (const { value } of putsOf(seen, 'instances')) {
          started.add(value.id);
          if (value.phase === 'stopping' || value.phase === 'failed') stopping.add(value.id);
        }
      },
      onAct: ({ kind, id, verdict }) => {
        if (verdict !== 'accepted') return;
        if (kind === 'start' && !started.has(id)) fail(`${id} is started and no record names it`);
        if (kind === 'stop' && !stopping.has(id)) fail(`${id} is stopped and nobody committed that`);
      },
    };
  },
};

export const noStranger: Invariant = {
  summary: 'a request reaches no instance of another component',
  watch: (level, fail) => {
    const released = new Map<string, string>();
    return {
      onRequest: ({ component, served, router }) => {
        if (served !== undefined && served.component !== component)
          fail(`a request for ${component} reached ${served.id} by ${router.id}`);
      },
      onAct: ({ host, kind, id, verdict }) => {
        const stored = host.disk.instances.get(id);
        if (kind !== 'stop' || verdict !== 'accepted' || stored === undefined) return;
        for (const port of Object.values(stored.ports))
          released.set(`${host.address}:${port}`, stored.spec.component);
      },
      onPorts: (host, owner, ports) => {
        const component = owner.slice(owner.indexOf('/') + 1);
        for (const port of ports) {
          const before = released.get(`${host.address}:${port}`);
          if (before === undefined || before === component) continue;
          const stale = level.routers().find((router) => router.leadsTo(before, host.address, port));
          if (stale !== undefined)
            fail(`port ${port} of ${before} was given to ${component} while ${stale.id} still leads there`);
        }
      },
    };
  },
};
