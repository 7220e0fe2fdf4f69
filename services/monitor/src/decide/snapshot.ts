/**
 * The level at one moment: every component's requests and resources, put together from what routers and agents sent and
 * what child levels summed up. The same input gives the same snapshot, whatever the order in which messages arrived.
 */
import type { monitor } from '@mitosis/contracts';
import { decideRequests, UNKNOWN_REQUESTS, type RequestFigures, type RouterSamples } from './requests.js';
import { decideResources, UNKNOWN_RESOURCES, type ResourceFigures } from './resources.js';
import { isFresh, type AgentSample } from './samples.js';

/** A component as far as the monitor cares. */
export interface MonitoredComponent {
  readonly name: string;
  /** Has ports, so that routers carry its requests. */
  readonly routed: boolean;
}

/** Answer of a child level, by the component it is in this level. */
export interface ChildSummary {
  readonly receivedAtMs: number;
  readonly summary: monitor.LevelSummary;
}

export interface SnapshotInput {
  readonly level: string;
  readonly nowMs: number;
  readonly components: readonly MonitoredComponent[];
  readonly routers: RouterSamples;
  readonly agents: ReadonlyMap<string, readonly AgentSample[]>;
  readonly componentOf: ReadonlyMap<string, string>;
  readonly children: ReadonlyMap<string, ChildSummary>;
  /** Routers and agents that should report; empty while the level's members or sites are not known. */
  readonly expectedRouters: readonly string[];
  readonly expectedAgents: readonly string[];
}

export const decideSnapshot = (input: SnapshotInput): monitor.LevelSnapshot => {
  const { level, nowMs } = input;
  const routed = new Set(input.components.filter((component) => component.routed).map(({ name }) => name));
  const requests = decideRequests({ samples: input.routers, routed, nowMs });
  const resources = decideResources({ samples: input.agents, componentOf: input.componentOf, nowMs });
  const names = new Set([
    ...input.components.map(({ name }) => name),
    ...requests.keys(),
    ...resources.keys(),
    ...input.children.keys(),
  ]);
  return {
    level,
    atMs: nowMs,
    complete: isComplete(input),
    components: [...names].sort().map((name) => {
      const child = input.children.get(name);
      return componentSnapshot(
        name,
        requests.get(name) ?? UNKNOWN_REQUESTS,
        resources.get(name) ?? UNKNOWN_RESOURCES,
        isFresh(child, nowMs) ? child?.summary : undefined,
      );
    }),
  };
};

/** Every router and agent that should report did so within two periods; with none expected nothing is complete. */
const isComplete = ({ routers, agents, expectedRouters, expectedAgents, nowMs }: SnapshotInput): boolean =>
  expectedRouters.length > 0 &&
  expectedAgents.length > 0 &&
  expectedRouters.every((router) => isFresh(routers.get(router)?.at(-1), nowMs)) &&
  expectedAgents.every((agent) => isFresh(agents.get(agent)?.at(-1), nowMs));

/**
 * What this level's own routers saw comes first, because that is what its clients got; a child's own view of its entry
 * stands in while no router of this level knows. A child's resources are those of its whole level.
 */
const componentSnapshot = (
  component: string,
  requests: RequestFigures,
  resources: ResourceFigures,
  child: monitor.LevelSummary | undefined,
): monitor.ComponentSnapshot => {
  const own: monitor.ComponentSnapshot = {
    component,
    freshAtMs: requests.freshAtMs,
    last1: requests.last1,
    last10: requests.last10,
    last60: requests.last60,
    inFlight: requests.inFlight,
    queued: requests.queued,
    rejectedRate: requests.rejectedRate,
    resourcesKnown: resources.known,
    cpuCores: resources.cpuCores,
    memoryBytes: resources.memoryBytes,
    instancesSeen: resources.instancesSeen,
    targets: [...requests.targets],
  };
  if (child === undefined) return own;
  const seen = requests.last10.known || child.entry === undefined ? own : { ...child.entry, component };
  return {
    ...seen,
    resourcesKnown: child.known,
    cpuCores: child.cpuCores,
    memoryBytes: child.memoryBytes,
    instancesSeen: child.instances,
  };
};
