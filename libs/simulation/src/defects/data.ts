/** Data that is missing, old or ahead of the truth, taken for the truth. */
import {
  PREFIXES,
  type AckRecord,
  type InstanceRecord,
  type monitor,
  type SpecRecord,
} from '@mitosis/contracts';
import type { KeyValue, Membership, Store, View } from '@mitosis/coordination';
import type { Peers } from '@mitosis/service-kit';
import { forwarding } from './forwarding.js';
import type { Defect } from './defect.js';

const IDLE = { known: true, seconds: 10, rate: 0, errorRatio: 0 };

const idle = (window: monitor.Window | undefined): monitor.Window | undefined =>
  window === undefined || window.known ? window : { ...window, ...IDLE };

/** What one hears from the monitor, changed on its way. */
const hearing = (
  change: (snapshot: monitor.LevelSnapshot) => monitor.LevelSnapshot,
): ReturnType<Defect['level']> => ({
  seams: {
    peers: (peers) =>
      forwarding<Peers>(peers, {
        stream: (service, address, method, request, handlers, signal) => {
          const isWatch = service === 'monitor' && method === 'watch';
          const take: (message: never) => void = handlers.onMessage;
          const onMessage = (message: unknown): void =>
            take((isWatch ? change(message as monitor.LevelSnapshot) : message) as never);
          peers.stream(service, address, method, request, { ...handlers, onMessage }, signal);
        },
      }),
  },
});

export const missingAsZero: Defect = {
  summary: 'a window without data is read as one without requests',
  brokenBy: ['holds-load'],
  provokedBy: ['metrics-lost', 'metrics-lost', 'manager-isolated', 'load'],
  caughtBySeed: 14,
  level: () =>
    hearing((snapshot) => ({
      ...snapshot,
      components: snapshot.components.map((component) => ({
        ...component,
        last1: idle(component.last1),
        last10: idle(component.last10),
        last60: idle(component.last60),
      })),
    })),
};

export const staleForever: Defect = {
  summary: 'metrics never get too old: the last known ones stand for those that are missing',
  brokenBy: ['holds-load'],
  provokedBy: ['metrics-lost', 'metrics-lost', 'load', 'load'],
  // Much, little, and much again; the metrics are lost when what is known last still counts the little.
  plan: 'load@7000+0#4,load@20000+0#7,load@26000+0#3,metrics-lost@30500+12000#1',
  caughtBySeed: 1,
  level: () => {
    const last = new Map<string, monitor.ComponentSnapshot>();
    return hearing((snapshot) => ({
      ...snapshot,
      components: snapshot.components.map((component) => {
        if (component.last10?.known === true) last.set(component.component, component);
        return last.get(component.component) ?? component;
      }),
    }));
  },
};

/** Rewrites what a process puts below a prefix. */
const rewriting = (prefix: string, rewrite: (value: string) => string): ReturnType<Defect['level']> => ({
  seams: {
    store: (store) =>
      forwarding<Store>(store, {
        txn: (compares, writes, options) =>
          store.txn(
            compares,
            writes.map((write) =>
              write.kind === 'put' && write.key.startsWith(prefix)
                ? { ...write, value: rewrite(write.value) }
                : write,
            ),
            options,
          ),
      }),
  },
});

export const forgetDrain: Defect = {
  summary: 'instances go from ready to their end at once',
  brokenBy: ['drained-first'],
  provokedBy: ['load', 'roll-out'],
  caughtBySeed: 1,
  level: () =>
    rewriting(PREFIXES.instances, (value) => {
      const record = JSON.parse(value) as InstanceRecord;
      return record.phase === 'draining' ? JSON.stringify({ ...record, phase: 'stopping' }) : value;
    }),
};

/** What a process reads below a prefix, changed on its way. */
const seeing = (prefix: string, change: (value: string) => string): ReturnType<Defect['level']> => ({
  seams: {
    store: (store) =>
      forwarding<Store>(store, {
        view: (wanted) => (wanted === prefix ? changedView(store.view(wanted), change) : store.view(wanted)),
      }),
  },
});

const changedView = (view: View, change: (value: string) => string): View => {
  const changed = (entry: KeyValue): KeyValue => ({ ...entry, value: change(entry.value) });
  return new Proxy(view, {
    get: (target, name) => {
      if (name === 'entries')
        return new Map([...target.entries].map(([key, entry]) => [key, changed(entry)]));
      if (name === 'get')
        return (key: string): KeyValue | undefined => {
          const entry = target.get(key);
          return entry && changed(entry);
        };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
};

export const stopsWithoutAcks: Defect = {
  summary: 'health takes silence of the routers for an acknowledgement',
  brokenBy: ['drained-first'],
  provokedBy: ['load', 'roll-out', 'delay', 'etcd-cut-off', 'stop-briefly'],
  caughtBySeed: 1,
  level: () =>
    seeing(PREFIXES.acks, (value) =>
      JSON.stringify({ ...(JSON.parse(value) as AckRecord), revision: 1e12, busy: [] }),
    ),
};

export const floorForgotten: Defect = {
  summary: 'the least number of instances is not looked at: as many as the load needs are enough',
  brokenBy: ['keeps-minimum'],
  provokedBy: ['load'],
  caughtBySeed: 6,
  level: () =>
    seeing(PREFIXES.spec, (value) => {
      const spec = JSON.parse(value) as SpecRecord;
      const components = Object.entries(spec.typeGraph.components).map(([name, component]) => [
        name,
        { ...component, scale: { ...component.scale, min: 0 } },
      ]);
      return JSON.stringify({
        ...spec,
        typeGraph: { ...spec.typeGraph, components: Object.fromEntries(components) as unknown },
      });
    }),
};

export const ackAhead: Defect = {
  summary: 'routers acknowledge what their table has not taken in yet',
  brokenBy: ['quiet-after-ack'],
  provokedBy: ['load', 'roll-out', 'slow-watch', 'etcd-cut-off'],
  caughtBySeed: 13,
  level: () => ({
    seams: {
      membership: (membership) =>
        forwarding<Membership>(membership, {
          publish: (key, value) => {
            if (!key.startsWith(PREFIXES.acks)) return membership.publish(key, value);
            const ack = JSON.parse(value) as AckRecord;
            return membership.publish(
              key,
              JSON.stringify({ ...ack, revision: ack.revision + 1_000, busy: [] }),
            );
          },
        }),
    },
  }),
};

export const regressIgnored: Defect = {
  summary: 'after the store was made anew, views go on showing what they showed before',
  brokenBy: ['settles', 'keeps-minimum', 'committed-first', 'drained-first', 'no-duplicates'],
  provokedBy: ['restore', 'roll-out', 'crash-instance'],
  caughtBySeed: 1,
  level: () => ({
    seams: {
      store: (store) =>
        forwarding<Store>(store, {
          view: (prefix) =>
            prefix === PREFIXES.endpoints
              ? frozenAfterRegress(store, store.view(prefix))
              : store.view(prefix),
        }),
    },
  }),
};

const frozenAfterRegress = (store: Store, view: View): View => {
  let frozen: View['entries'] | undefined;
  store.onRegress(() => (frozen ??= view.entries));
  return new Proxy(view, {
    get: (target, name) => {
      if (name === 'entries' && frozen !== undefined) return frozen;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
};
