/** Two components cannot bind the same address, whatever levels they are in. */
import type { TypeGraph } from '@mitosis/contracts';
import { child, itemsOf, numberOf } from '../source/node.js';
import type { Building, Service } from './service.js';

interface Published {
  readonly owner: string;
  readonly host: string;
  readonly port: number;
}

const ANY = new Set(['0.0.0.0', '::', '']);
const overlap = (a: Published, b: Published): boolean =>
  a.port === b.port && (a.host === b.host || ANY.has(a.host) || ANY.has(b.host));

/** Of the level and its children, each with its owner's path. */
export const publishedIn = (components: TypeGraph['components'], prefix = ''): readonly Published[] =>
  Object.values(components).flatMap((component) => [
    ...component.ports.flatMap(({ published }) =>
      published.map(({ host, port }) => ({ owner: prefix + component.name, host, port })),
    ),
    ...(component.composition === null
      ? []
      : publishedIn(component.composition.components, `${prefix}${component.name}.`)),
  ]);

export const checkPublished = (
  services: readonly Service[],
  components: TypeGraph['components'],
  { problems }: Building,
): void => {
  const all = publishedIn(components);
  all.forEach((one, index) => {
    const other = all.slice(0, index).find((earlier) => overlap(earlier, one));
    if (other === undefined) return;
    const service = services.find(({ name }) => name === one.owner.split('.')[0] || name === one.owner);
    if (service === undefined) return;
    const item = itemsOf(service.node, 'ports').find((port) => numberOf(port, 'published') === one.port);
    problems.error(
      item?.at ?? child(service.node, 'ports')?.at ?? service.at,
      `${service.path}.ports`,
      `port ${one.port} is published by "${other.owner}" and by "${one.owner}"`,
      'give one of them another port outside',
    );
  });
};
