/** One active service of a composition, with what is needed to make a component of it. */
import type { ComponentKind } from '@mitosis/contracts';
import type { ReadFile } from '../compose/read-file.js';
import type { Variables } from '../interpolation/interpolate-node.js';
import type { Problems } from '../problem.js';
import { child, flagOf, type MapNode, type Node, type Position } from '../source/node.js';

export interface Service {
  readonly name: string;
  readonly node: MapNode;
  /** Where its name is written. */
  readonly at: Position;
  readonly path: string;
  readonly kind: ComponentKind;
  readonly driver: 'process' | 'docker';
  /** Folder its relative paths are meant from. */
  readonly folder: string;
}

/** What all services of a composition share while it is turned into a type graph. */
export interface Building {
  readonly problems: Problems;
  readonly variables: Variables;
  readonly read: ReadFile;
  /** The merged composition. */
  readonly root: Node;
}

export const extensionOf = (service: Pick<Service, 'node'>): Node | undefined =>
  child(service.node, 'x-mitosis');

export const kindOf = (node: Node): ComponentKind => {
  if (child(node, 'x-mitosis', 'composition') !== undefined) return 'composition';
  return child(node, 'x-mitosis', 'alternatives') === undefined ? 'service' : 'binding';
};

/** A process where nothing says how a container would be made, or where the user says so. */
export const driverOf = (node: Node): 'process' | 'docker' => {
  const said = flagOf(node, 'x-mitosis', 'process');
  if (said === true) return 'process';
  return child(node, 'image') === undefined && child(node, 'build') === undefined ? 'process' : 'docker';
};

/** The place of the value at a path below the service, or of the service's name. */
export const placeOf = (service: Service, ...keys: readonly string[]): Position =>
  (keys.length === 0 ? undefined : child(service.node, ...keys)?.at) ?? service.at;

/** Complains about a field of a service. */
export const complain = (
  { problems }: Building,
  service: Service,
  keys: readonly string[],
  problem: string,
  remedy: string,
): void => problems.error(placeOf(service, ...keys), [service.path, ...keys].join('.'), problem, remedy);
