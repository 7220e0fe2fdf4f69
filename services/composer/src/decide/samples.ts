/** From the monitor's message to the samples of each binding's alternatives. */
import type { monitor, TypeGraph } from '@mitosis/contracts';
import { sampleOf, type Sample } from './verdict.js';

/** By component, then by alternative. A component the monitor says nothing of is missing, and so is one without requests. */
export const samplesOf = (
  typeGraph: TypeGraph,
  snapshot: monitor.LevelSnapshot,
): ReadonlyMap<string, ReadonlyMap<string, Sample>> =>
  new Map(
    snapshot.components.flatMap(({ component: name, targets }) => {
      const component = Object.hasOwn(typeGraph.components, name) ? typeGraph.components[name] : undefined;
      if (component?.kind !== 'binding') return [];
      const samples = targets.flatMap((target) => {
        const sample = sampleOf(target, component.rebind.p95Ms);
        return sample === null ? [] : [[target.target, sample] as const];
      });
      return [[name, new Map(samples)] as const];
    }),
  );
