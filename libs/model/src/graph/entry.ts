/** The component clients reach, and what must be true of it. */
import { type ComponentName, componentName, type TypeGraph } from '@mitosis/contracts';
import { child, itemsOf, type Node, textOf } from '../source/node.js';
import { didYouMean, oneOf } from '../values/did-you-mean.js';
import type { Building, Service } from './service.js';

/** As said, else the only component that publishes a port, else none. */
export const entryOf = (
  services: readonly Service[],
  inactive: ReadonlyMap<string, readonly string[]>,
  completed: ReadonlySet<string>,
  building: Building,
): ComponentName | null => {
  const node = child(building.root, 'x-mitosis', 'entry');
  const said = textOf(building.root, 'x-mitosis', 'entry');
  if (node === undefined || said === undefined) {
    const publishing = services.filter((service) => publishes(service));
    const [only] = publishing;
    return only !== undefined && publishing.length === 1 ? componentName(only.name) : null;
  }
  const error = (problem: string, remedy: string): null => {
    building.problems.error(node.at, 'x-mitosis.entry', problem, remedy);
    return null;
  };
  const profiles = inactive.get(said);
  if (profiles !== undefined)
    return error(
      `"${said}" takes part only with profile ${profiles.join(' or ')}`,
      `add --profile ${profiles[0] ?? ''}`,
    );
  const names = services.map(({ name }) => name);
  if (!names.includes(said))
    return error(
      `there is no component "${said}"`,
      didYouMean(said, names, `name a component of this composition: ${oneOf([...names])}`),
    );
  if (completed.has(said))
    return error(`"${said}" runs once and ends: clients cannot reach it`, 'name a component that stays');
  const service = services.find(({ name }) => name === said);
  const ports = itemsOf(service?.node, 'ports');
  if (ports.length > 0 && !ports.some(isTcp))
    return error(`clients cannot reach "${said}": the router carries TCP only`, 'give it a TCP port');
  return componentName(said);
};

/** A root that nobody outside can reach is rarely meant. */
export const warnUnpublished = (
  entry: ComponentName | null,
  components: TypeGraph['components'],
  { root, problems }: Building,
): void => {
  const node = child(root, 'x-mitosis', 'entry');
  const ports = entry === null ? [] : (components[entry]?.ports ?? []);
  if (entry === null || node === undefined || ports.some(({ published }) => published.length > 0)) return;
  problems.warn(
    node.at,
    'x-mitosis.entry',
    `"${entry}" publishes no port: only components of the composition reach it`,
    `add ports: ["8080:8080"] to "${entry}"`,
  );
};

const isTcp = (port: Node): boolean => (textOf(port, 'protocol') ?? 'tcp').toLowerCase() === 'tcp';

const publishes = (service: Service): boolean =>
  itemsOf(service.node, 'ports').some((port) => child(port, 'published') !== undefined && isTcp(port));
