/** One service of a composition → one component of the type graph, with everything defaulted. */
import {
  type Component,
  componentName,
  type Dependency,
  type Objective,
  type PortSpec,
  type TypeGraph,
} from '@mitosis/contracts';
import { child, flagOf, textOf } from '../source/node.js';
import { durationMs } from '../values/duration.js';
import { alternativesOf, rebindOf } from './binding.js';
import { namedVolumes } from './container.js';
import { NO_RESOURCES, resourcesOf, restartOf, updateOf } from './deploy.js';
import { hashOf } from './hash.js';
import { objectiveOf } from './objective.js';
import { childPorts, defaultPort, portsOf } from './ports.js';
import { NO_PROBE, probeOf } from './probe.js';
import { labelsOf, runSpecOf } from './run-spec.js';
import { sizingOf } from './sizing.js';
import { ONE, scaleOf, scalingPolicyOf } from './scale.js';
import { type Building, extensionOf, type Service } from './service.js';
import { warnUnsupported } from './unsupported.js';

/** How long an endpoint that is to stop may finish its requests. */
const DRAIN_MS = 30_000;

export interface ComponentInput {
  readonly service: Service;
  readonly building: Building;
  readonly dependsOn: readonly Dependency[];
  readonly names: ReadonlySet<string>;
  /** Others call it, or clients do: it needs a port. */
  readonly called: boolean;
  readonly runOnce: boolean;
  readonly levelObjective: Objective | null;
  /** Of kind `composition`: the child. */
  readonly composition: TypeGraph | null;
}

export const componentOf = (input: ComponentInput): Component => {
  const { service, building, runOnce, levelObjective } = input;
  const runs = service.kind === 'service';
  warnUnsupported(service, building);
  const objective = objectiveOf(child(extensionOf(service), 'objective'));
  const ports = portsFor(input);
  const scale = runs ? scaleOf(service, runOnce, building) : ONE;
  const exclusive =
    runs &&
    (flagOf(extensionOf(service), 'exclusive') ?? (scale.max === 1 && namedVolumes(service).length > 0));
  // What nobody calls has no part in the latency clients see.
  const shared = ports.length > 0 ? levelObjective : null;
  const parts = {
    run: runs ? runSpecOf(service, building) : null,
    ports,
    probe: runs ? probeOf(service, ports, building) : NO_PROBE,
    resources: runs ? resourcesOf(service) : NO_RESOURCES,
  };
  const sizing = runs ? sizingOf(service, parts.resources, building) : undefined;
  return {
    name: componentName(service.name),
    kind: service.kind,
    version: versionOf(service, parts),
    ...parts,
    ...(sizing === undefined ? {} : { sizing }),
    dependsOn: input.dependsOn,
    scale,
    policy: runs ? scalingPolicyOf(service, scale, objective, shared, building) : { kind: 'fixed' },
    objective,
    restart: restartOf(service, runOnce),
    update: updateOf(service, exclusive, building),
    exclusive,
    runOnce,
    alternatives: alternativesOf(service, input.names, building),
    rebind: rebindOf(service, objective, levelObjective, building),
    composition: input.composition,
    drainDeadlineMs: drainOf(service),
    labels: labelsOf(service, building),
  };
};

/** Where clients reach it does not concern a running instance, so published ports are not part of its version. */
const versionOf = (
  service: Service,
  parts: Pick<Component, 'run' | 'ports' | 'probe' | 'resources'>,
): string => {
  const ports = parts.ports.map(({ name, target, protocol }) => ({ name, target, protocol }));
  return hashOf({ kind: service.kind, ...parts, ports });
};

const portsFor = ({
  service,
  building,
  called,
  runOnce,
  composition,
}: ComponentInput): readonly PortSpec[] => {
  if (service.kind === 'composition') return childPorts(service, entryPorts(composition), building);
  const ports = portsOf(service, building);
  if (ports.length > 0 || (!called && service.kind !== 'binding') || runOnce) return ports;
  if (service.kind === 'service' && service.driver === 'docker')
    building.problems.warn(
      service.at,
      service.path,
      'others call it, but it does not say on which port it listens: its name leads straight to its containers',
      'add expose: ["5432"] with its port to have it routed, drained and scaled',
    );
  return service.kind === 'service' && service.driver === 'docker' ? [] : [defaultPort(service)];
};

export const entryPorts = (composition: TypeGraph | null): readonly PortSpec[] => {
  if (composition === null || composition.entry === null) return [];
  return composition.components[composition.entry]?.ports ?? [];
};

const drainOf = (service: Service): number => {
  const drain = child(extensionOf(service), 'drain');
  const said = drain?.kind === 'scalar' ? drain.text : textOf(drain, 'deadline');
  return durationMs(said ?? '') ?? DRAIN_MS;
};
