/** A merged composition → the type graph of one level, its children in it. */
import {
  childLevel,
  type Component,
  componentName,
  type LevelId,
  type ManagementSpec,
  parentLevel,
  type TypeGraph,
} from '@mitosis/contracts';
import type { ActiveServices } from '../compose/profiles.js';
import type { NamedFile } from '../compose/read-file.js';
import { child, numberOf, textOf } from '../source/node.js';
import { moneyPerHour } from '../values/rate.js';
import { componentOf, entryPorts } from './component.js';
import { checkCircles, checkConditions, checkedDependencies, needsOf } from './dependencies.js';
import { entryOf, warnUnpublished } from './entry.js';
import { hashOf } from './hash.js';
import { checkNames } from './names.js';
import { objectiveOf } from './objective.js';
import { checkPublished } from './published.js';
import { type Building, driverOf, extensionOf, kindOf, type Service } from './service.js';
import { sitesOf } from './sites.js';

export interface LevelInput {
  readonly building: Building;
  readonly active: ActiveServices;
  readonly level: LevelId;
  readonly name: string;
  /** Folder of the composition. */
  readonly folder: string;
  /** Three etcd members unless the composition says more. */
  readonly highAvailability: boolean;
  /** Loads the composition file of a child level; undefined when it has problems (reported then). */
  readonly loadChild: (named: Required<NamedFile>, level: LevelId, name: string) => TypeGraph | undefined;
}

export const levelOf = (input: LevelInput): TypeGraph => {
  const { building, active, level, name } = input;
  const extension = child(building.root, 'x-mitosis');
  const services = servicesOf(active, input.folder);
  checkNames(services, building);
  checkCircles(services, building);
  const needs = needsOf(services);
  const entry = entryOf(services, active.inactive, needs.completed, building);
  const objective = objectiveOf(child(extension, 'objective'));
  if (objective !== null && entry === null && textOf(extension, 'entry') === undefined)
    building.problems.error(
      child(extension, 'objective')?.at ?? building.root.at,
      'x-mitosis.objective',
      'an objective of the whole composition needs an entry to be measured at',
      'add entry: with the component clients reach',
    );
  const names = new Set(services.map((service) => service.name));
  const components: Record<string, Component> = {};
  for (const service of services)
    components[service.name] = componentOf({
      service,
      building,
      names,
      dependsOn: checkedDependencies(service, names, active.inactive, building),
      called: needs.called.has(service.name) || entry === service.name,
      runOnce: needs.completed.has(service.name) && service.kind === 'service',
      levelObjective: objective,
      composition: childOf(service, needs.called.has(service.name), input),
    });
  checkConditions(services, components, building);
  checkPublished(services, components, building);
  if (parentLevel(level) === undefined) warnUnpublished(entry, components, building);
  const graph = {
    v: 1,
    level,
    name,
    entry,
    objective,
    budgetPerHour: moneyPerHour(textOf(extension, 'budget', 'cost') ?? '') ?? null,
    components,
    sites: sitesOf(building),
    management: managementOf(input),
  } as const;
  return { ...graph, digest: hashOf(graph) };
};

const servicesOf = ({ services }: ActiveServices, folder: string): readonly Service[] =>
  [...services].flatMap(([name, { node, at }]) =>
    node.kind !== 'map'
      ? []
      : [
          {
            name,
            node,
            at,
            path: `services.${name}`,
            kind: kindOf(node),
            driver: driverOf(node),
            folder: node.folder ?? folder,
          },
        ],
  );

const childOf = (service: Service, called: boolean, input: LevelInput): TypeGraph | null => {
  const extension = extensionOf(service);
  const path = child(extension, 'composition');
  if (service.kind !== 'composition' || path?.kind !== 'scalar') return null;
  const level = childLevel(input.level, componentName(service.name));
  const { problems } = input.building;
  if (child(extension, 'alternatives') !== undefined)
    problems.error(
      child(extension, 'alternatives')?.at ?? path.at,
      `${service.path}.x-mitosis`,
      'a component is a child level or has alternatives, not both',
      'make the child level a component of its own and name that as an alternative',
    );
  const before = problems.errors.length;
  const where = `${service.path}.x-mitosis.composition`;
  const composition = input.loadChild({ path: path.text, at: path.at, where }, level, service.name);
  const whole = composition !== undefined && problems.errors.length === before;
  if (whole && called && entryPorts(composition).length === 0)
    problems.error(
      path.at,
      where,
      'others call this child level, but it has no entry',
      `add x-mitosis: { entry: … } to ${path.text}`,
    );
  return composition ?? null;
};

/** Two of each, so that a leader always has a successor; one etcd member, as three cost three times as much. */
const managementOf = ({ building, highAvailability }: LevelInput): ManagementSpec => {
  const said = child(building.root, 'x-mitosis', 'management');
  return {
    managers: numberOf(said, 'managers') ?? 2,
    routers: numberOf(said, 'routers') ?? 2,
    etcdMembers: numberOf(said, 'etcd') ?? (highAvailability ? 3 : 1),
  };
};
