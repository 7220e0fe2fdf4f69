/** Records for tests. */
import {
  componentName,
  decisionId,
  instanceId,
  levelId,
  siteId,
  type DecisionRecord,
  type InstanceGraphView,
  type InstanceRecord,
  type management,
} from '@mitosis/contracts';
import type { LevelView } from '../session/observe.js';

export const leader = (fn: string, address: string, replica = 'mitosis-manager-a'): management.Leader => ({
  function: fn,
  replica,
  grpc: address,
  epoch: { incarnation: 1, revision: 7 },
});

export const decision = (id: string, over: Partial<DecisionRecord> = {}): DecisionRecord => ({
  v: 1,
  id: decisionId(id),
  function: 'autoscaler',
  atMs: 1_000,
  epoch: { incarnation: 1, revision: 7 },
  component: 'web',
  action: 'scale',
  change: '2 → 5',
  reason: 'the objective needs it',
  policy: 'slo',
  inputs: {},
  causes: [],
  applied: true,
  ...over,
});

export const emptyGraph = (level: string): InstanceGraphView => ({
  level: levelId(level),
  revision: 1,
  instances: [],
  targets: [],
  placements: [],
  listeners: [],
  children: [],
  bindings: [],
});

export const instance = (
  id: string,
  component: string,
  over: Partial<InstanceRecord> = {},
): InstanceRecord => ({
  v: 1,
  id: instanceId(id),
  component: componentName(component),
  class: 'application',
  version: 'v1',
  site: siteId('local'),
  phase: 'ready',
  sinceMs: 0,
  createdAtMs: 0,
  host: '127.0.0.1',
  ports: { default: 4001 },
  exitCode: null,
  reason: '',
  decision: decisionId('d0'),
  ...over,
});

export const levelView = (level: string, over: Partial<LevelView> = {}): LevelView => ({
  level,
  parent: '',
  incarnation: 1,
  generation: 1,
  phase: 'operating',
  typeGraph: null,
  composite: { level, state: 'healthy', reason: '', components: [], ready: true },
  graph: emptyGraph(level),
  directory: { level, incarnation: 1, members: [], leaders: [] },
  controls: {},
  management: [],
  unknown: [],
  ...over,
});
