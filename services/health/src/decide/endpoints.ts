/**
 * `endpoints/<component>`: derived from the instance graph, so that the two can never disagree; written in the
 * transaction that changes the phases.
 */
import { componentName, type Endpoint, type EndpointsRecord, type InstanceRecord } from '@mitosis/contracts';
import { recordsOf, typeGraphOf, type World } from './world.js';

/** Records that differ from what is written; null: the record is of no use any more. */
export const changedEndpoints = (world: World): ReadonlyMap<string, EndpointsRecord | null> => {
  const changed = new Map<string, EndpointsRecord | null>();
  const components = typeGraphOf(world)?.components ?? {};
  const served = Object.values(components).filter(
    ({ kind, ports }) => kind === 'service' && ports.length > 0,
  );
  const names = new Set([...served.map(({ name }) => name as string), ...world.input.endpoints.keys()]);
  for (const name of names) {
    const before = world.input.endpoints.get(name)?.value;
    const endpoints = endpointsOf(world, name, before);
    const useless =
      endpoints.length === 0 && world.input.spec !== undefined && components[name] === undefined;
    if (useless) changed.set(name, null);
    else if (before === undefined || JSON.stringify(before.endpoints) !== JSON.stringify(endpoints)) {
      changed.set(name, { v: 1, component: componentName(name), endpoints });
    }
  }
  return changed;
};

const endpointsOf = (
  world: World,
  component: string,
  before: EndpointsRecord | undefined,
): readonly Endpoint[] =>
  recordsOf(world, component)
    .filter((record) => Object.keys(record.ports).length > 0)
    .flatMap((record) => {
      const old = before?.endpoints.find(({ instance }) => instance === record.id);
      const endpoint = endpointOf(record, old);
      return endpoint === undefined ? [] : [endpoint];
    });

const endpointOf = (record: InstanceRecord, before: Endpoint | undefined): Endpoint | undefined => {
  const { phase } = record;
  // What was never handed out needs no drain.
  if (phase !== 'ready' && (phase !== 'draining' || before === undefined)) return undefined;
  return {
    instance: record.id,
    host: record.host,
    ports: record.ports,
    state: phase,
    readySinceMs: phase === 'ready' ? record.sinceMs : (before?.readySinceMs ?? record.sinceMs),
  };
};
