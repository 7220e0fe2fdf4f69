/** Sizes the autoscaler learned, put in force in the type graph; or taken out again, when the composition says otherwise. */
import { graphInSize, type SizeRecord, type TypeGraph } from '@mitosis/contracts';
import type { DecisionFields } from './records.js';

const MIB = 1024 * 1024;

export interface SizesChange {
  readonly typeGraph: TypeGraph;
  readonly decisions: readonly DecisionFields[];
}

const text = ({ cpus, memoryBytes }: { readonly cpus: number; readonly memoryBytes: number }): string =>
  `${cpus === 0 ? 'no' : cpus} cpus, ${memoryBytes === 0 ? 'no' : Math.round(memoryBytes / MIB)} MiB`;

/** null: what is in force is what it should be. */
export const decideSizes = (
  typeGraph: TypeGraph,
  sizes: ReadonlyMap<string, SizeRecord>,
): SizesChange | null => {
  const sized = graphInSize(typeGraph, sizes);
  if (sized === typeGraph) return null;
  const changed = Object.values(sized.components).filter(
    (component) => component !== typeGraph.components[component.name],
  );
  return {
    typeGraph: sized,
    decisions: changed.map(({ name, resources, said }): DecisionFields => {
      const record = sizes.get(name);
      const before = typeGraph.components[name]?.resources.limits ?? resources.limits;
      return {
        component: name,
        action: 'size',
        change: `${text(before)} → ${text(resources.limits)}`,
        reason:
          said === undefined || record === undefined
            ? 'back to what the composition says'
            : `the autoscaler: ${record.reason}`,
        ...(said === undefined || record === undefined ? {} : { causes: [record.decision] }),
      };
    }),
  };
};
