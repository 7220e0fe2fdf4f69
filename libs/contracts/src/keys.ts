/**
 * Where each record lies, relative to the level's prefix `mitosis/<level>/`. The only place that spells keys.
 */
import type { FunctionName } from './functions.js';
import type { LevelId } from './ids.js';

/** Store prefix of a level; a store address is (cluster, prefix), so levels may share a cluster. */
export const levelPrefix = (level: LevelId): string => `mitosis/${level}/`;

export const PREFIXES = {
  spec: 'spec/',
  bindings: 'bindings/',
  children: 'children/',
  targets: 'targets/',
  sizes: 'sizes/',
  objective: 'objective/',
  ceilings: 'ceilings/',
  facts: 'facts/',
  sites: 'sites/',
  placements: 'placements/',
  instances: 'instances/',
  rollouts: 'rollouts/',
  births: 'births/',
  endpoints: 'endpoints/',
  listeners: 'listeners/',
  childEntries: 'children-entries/',
  routes: 'routes/',
  acks: 'acks/',
  members: 'members/',
  election: 'election/',
  control: 'control/',
  decisions: 'decisions/',
  etcd: 'etcd/',
} as const;

export const KEYS = {
  level: 'level',
  etcdMembers: 'etcd/members',
  spec: 'spec/current',
  override: (component: string): string => `${PREFIXES.spec}overrides/${component}`,
  binding: (component: string): string => PREFIXES.bindings + component,
  child: (component: string): string => PREFIXES.children + component,
  target: (component: string): string => PREFIXES.targets + component,
  size: (component: string): string => PREFIXES.sizes + component,
  objective: `${PREFIXES.objective}level`,
  ceiling: (fn: FunctionName): string => PREFIXES.ceilings + fn,
  /** Whatever a function keeps for itself: each its own, so that an added service needs no key of its own here. */
  fact: (fn: FunctionName, name: string): string => `${PREFIXES.facts}${fn}/${name}`,
  facts: (fn: FunctionName): string => `${PREFIXES.facts}${fn}/`,
  site: (site: string): string => PREFIXES.sites + site,
  placement: (component: string): string => PREFIXES.placements + component,
  instance: (id: string): string => PREFIXES.instances + id,
  rollout: (component: string): string => PREFIXES.rollouts + component,
  birth: (component: string): string => PREFIXES.births + component,
  endpoints: (component: string): string => PREFIXES.endpoints + component,
  listeners: (site: string): string => PREFIXES.listeners + site,
  childEntry: (component: string): string => PREFIXES.childEntries + component,
  route: (component: string): string => PREFIXES.routes + component,
  ack: (replica: string): string => PREFIXES.acks + replica,
  member: (replica: string): string => PREFIXES.members + replica,
  candidate: (fn: FunctionName, replica: string): string => `${PREFIXES.election}${fn}/${replica}`,
  candidates: (fn: FunctionName): string => `${PREFIXES.election}${fn}/`,
  control: (fn: FunctionName): string => PREFIXES.control + fn,
  decision: (fn: FunctionName, id: string): string => `${PREFIXES.decisions}${fn}/${id}`,
  decisions: (fn: FunctionName): string => `${PREFIXES.decisions}${fn}/`,
} as const;
