/** `mitosis graph`: the type graph as a tree, its instances below each component, child levels inside. Pure. */
import type { BindingRecord, Component, InstanceRecord, TypeGraph } from '@mitosis/contracts';
import pc from 'picocolors';
import type { LevelView } from '../session/observe.js';
import { describeBinding } from './status.js';

interface Branch {
  readonly text: string;
  readonly below: readonly Branch[];
}

export const renderGraph = (views: readonly LevelView[]): string => {
  const [root] = views;
  if (root === undefined) return 'no level';
  return draw(levelBranch(root, views), '', '').join('\n');
};

const draw = (branch: Branch, first: string, rest: string): readonly string[] => [
  first + branch.text,
  ...branch.below.flatMap((child, at) => {
    const last = at === branch.below.length - 1;
    return draw(child, rest + (last ? '└─ ' : '├─ '), rest + (last ? '   ' : '│  '));
  }),
];

const levelBranch = (view: LevelView, views: readonly LevelView[]): Branch => ({
  text: `${pc.bold(view.level)}${view.typeGraph === null ? pc.yellow(' (type graph unknown)') : ''}`,
  below: [
    ...Object.values(view.typeGraph?.components ?? {}).map((component) =>
      componentBranch(component, view, views),
    ),
    managementBranch(view),
  ],
});

const componentBranch = (component: Component, view: LevelView, views: readonly LevelView[]): Branch => {
  const child = views.find((one) => one.level === `${view.level}.${component.name}`);
  const binding = view.graph?.bindings.find((one) => one.component === component.name);
  return {
    text: `${pc.cyan(component.name)} ${describeComponent(component, view.typeGraph, binding)}`,
    below: [
      ...component.alternatives.map((alternative) => alternativeBranch(alternative, binding)),
      ...instancesOf(view, component.name),
      ...(child === undefined ? [] : [levelBranch(child, views)]),
    ],
  };
};

const describeComponent = (
  component: Component,
  typeGraph: TypeGraph | null,
  binding: BindingRecord | undefined,
): string => {
  const parts = [
    component.kind === 'service' ? `${component.scale.min}..${component.scale.max}` : component.kind,
    component.kind === 'service' && component.policy.kind !== 'fixed'
      ? `policy ${component.policy.kind}`
      : '',
    component.exclusive ? 'exclusive' : '',
    component.runOnce ? 'runs once' : '',
    typeGraph?.entry === component.name ? 'entry' : '',
    binding === undefined ? '' : `bound to ${describeBinding(binding)}`,
    component.dependsOn.length === 0 ? '' : `→ ${component.dependsOn.map((one) => one.component).join(', ')}`,
  ];
  return pc.dim(parts.filter((part) => part !== '').join(', '));
};

const alternativeBranch = (
  alternative: Component['alternatives'][number],
  binding: BindingRecord | undefined,
): Branch => {
  const { target } = alternative;
  const where = target.kind === 'url' ? target.url : `component ${target.component}`;
  const active = binding?.active === alternative.name ? ' ← active' : '';
  return { text: `${alternative.name}: ${where}, ${alternative.price} per request${active}`, below: [] };
};

const instancesOf = (view: LevelView, component: string): readonly Branch[] =>
  (view.graph?.instances ?? [])
    .filter((one) => one.component === component)
    .sort((a, b) => a.createdAtMs - b.createdAtMs)
    .map((one) => ({ text: describeInstance(one), below: [] }));

const describeInstance = (instance: InstanceRecord): string => {
  const port = Object.values(instance.ports)[0];
  const address = port === undefined || instance.host === '' ? '' : ` ${instance.host}:${port}`;
  const phase = instance.phase === 'ready' ? pc.green('ready') : pc.yellow(instance.phase);
  const reason = instance.phase === 'ready' || instance.reason === '' ? '' : pc.dim(` (${instance.reason})`);
  return `${instance.id} ${phase} on ${instance.site}${address}${reason}`;
};

const managementBranch = (view: LevelView): Branch => {
  const recorded = (view.graph?.instances ?? []).filter((one) => one.class === 'management');
  const leads = (replica: string): string => {
    const functions = (view.directory?.leaders ?? [])
      .filter((one) => one.replica === replica)
      .map((one) => one.function);
    return functions.length === 0 ? '' : pc.dim(` leads ${functions.join(', ')}`);
  };
  return {
    text: pc.cyan('management'),
    below: recorded.map((one) => ({ text: describeInstance(one) + leads(one.id), below: [] })),
  };
};
