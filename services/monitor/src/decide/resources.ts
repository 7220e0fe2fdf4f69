/** CPU and memory per component: what agents measured of each instance, attributed by the instance graph. */
import { isFresh, type AgentSample } from './samples.js';

export interface ResourceFigures {
  readonly known: boolean;
  /** Sum over the instances seen, mean of the last ten seconds. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly instancesSeen: number;
}

export const UNKNOWN_RESOURCES: ResourceFigures = {
  known: false,
  cpuCores: 0,
  memoryBytes: 0,
  instancesSeen: 0,
};

export interface ResourcesInput {
  /** Samples by agent, oldest first. */
  readonly samples: ReadonlyMap<string, readonly AgentSample[]>;
  /** Component of each instance that may run. */
  readonly componentOf: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

const WINDOW_MS = 10_000;

interface InstanceUse {
  cpuSum: number;
  samples: number;
  memoryBytes: number;
}

/**
 * Of every component with an instance in the graph. Known as soon as one of its instances was measured freshly, and
 * `instancesSeen` tells how many were: a component of which no instance was seen is not one that uses nothing.
 */
export const decideResources = (input: ResourcesInput): ReadonlyMap<string, ResourceFigures> => {
  const uses = usesOf(input);
  const figures = new Map<string, ResourceFigures>();
  for (const [instance, component] of [...input.componentOf].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const known = figures.get(component) ?? UNKNOWN_RESOURCES;
    const use = uses.get(instance);
    figures.set(
      component,
      use === undefined
        ? known
        : {
            known: true,
            cpuCores: known.cpuCores + use.cpuSum / use.samples,
            memoryBytes: known.memoryBytes + use.memoryBytes,
            instancesSeen: known.instancesSeen + 1,
          },
    );
  }
  return figures;
};

/** An instance seen by two agents (a site listed under two addresses) counts once: by the agent that told last. */
const usesOf = ({ samples, nowMs }: ResourcesInput): ReadonlyMap<string, InstanceUse> => {
  const uses = new Map<string, InstanceUse>();
  const byAge = [...samples.values()]
    .filter((list) => isFresh(list.at(-1), nowMs))
    .sort((a, b) => (a.at(-1)?.receivedAtMs ?? 0) - (b.at(-1)?.receivedAtMs ?? 0));
  for (const list of byAge) {
    for (const instance of list.at(-1)?.stats.instances ?? []) {
      uses.set(instance.id, { cpuSum: 0, samples: 0, memoryBytes: instance.memoryBytes });
    }
    for (const sample of list) {
      if (nowMs - sample.receivedAtMs > WINDOW_MS) continue;
      for (const { id, cpuCores } of sample.stats.instances) addCpu(uses.get(id), cpuCores);
    }
  }
  return uses;
};

const addCpu = (use: InstanceUse | undefined, cpuCores: number): void => {
  if (use === undefined) return;
  use.cpuSum += cpuCores;
  use.samples += 1;
};
