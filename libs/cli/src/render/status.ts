/** `mitosis status`: what a level holds, who leads, where it is reached. Pure: views in, text out. */
import {
  FUNCTION_NAMES,
  MANAGEMENT_COMPONENTS,
  type BindingRecord,
  type Component,
} from '@mitosis/contracts';
import pc from 'picocolors';
import { formatShare } from '../output/units.js';
import { indent, table } from '../output/table.js';
import { entryUrls, leadersByReplica, type LevelView } from '../session/observe.js';

export const renderStatus = (views: readonly LevelView[]): string => views.map(renderLevel).join('\n\n');

export const renderLevel = (view: LevelView): string =>
  [
    header(view),
    indent([...leaderLines(view), ...entryLines(view), ...managementLines(view)].join('\n')),
    ...(view.composite === null ? [] : ['', indent(componentTable(view))]),
    ...view.unknown.map((problem) => indent(pc.yellow(`unknown: ${problem}`))),
  ].join('\n');

const header = (view: LevelView): string => {
  const state = view.composite?.state ?? 'unknown';
  const ready = view.composite?.ready === true ? 'ready' : 'not ready';
  const generation = view.generation === null ? '' : `, generation ${view.generation}`;
  const reason = view.composite === null || view.composite.reason === '' ? '' : ` (${view.composite.reason})`;
  const disposing = view.phase === null || view.phase === 'operating' ? '' : `, ${view.phase}`;
  return `${pc.bold(view.level)}: ${coloured(state)}, ${ready}${generation}${disposing}${reason}`;
};

export const coloured = (state: string): string => {
  if (state === 'healthy' || state === 'completed') return pc.green(state);
  if (state === 'unhealthy') return pc.red(state);
  return pc.yellow(state);
};

const leaderLines = (view: LevelView): readonly string[] => {
  if (view.directory === null) return ['leaders     unknown'];
  const groups = leadersByReplica(view.directory);
  const led = new Set(groups.flatMap((group) => group.functions));
  const missing = FUNCTION_NAMES.filter((fn) => !led.has(fn));
  const lines = groups.map(({ replica, functions }) => `leaders     ${replica}: ${functions.join(', ')}`);
  const paused = Object.entries(view.controls).map(([fn, mode]) => `mode        ${fn}: ${pc.yellow(mode)}`);
  return [
    ...lines,
    ...(missing.length === 0 ? [] : [pc.yellow(`no leader   ${missing.join(', ')}`)]),
    ...paused,
  ];
};

const entryLines = (view: LevelView): readonly string[] =>
  entryUrls(view.graph).map(({ component, url }) => `entry       ${url} (${component})`);

const managementLines = (view: LevelView): readonly string[] => {
  const counts = Object.entries(MANAGEMENT_COMPONENTS).map(([short, component]) => {
    const all = view.management.filter((one) => one.component === component);
    const running = all.filter((one) => one.state === 'running');
    return `${short} ${running.length}/${all.length}`;
  });
  return [`management  ${counts.join(', ')}`];
};

const componentTable = (view: LevelView): string =>
  table(
    ['COMPONENT', 'KIND', 'READY', 'STATE', 'NOW'],
    (view.composite?.components ?? []).map((one) => {
      const component = view.typeGraph?.components[one.component];
      const kind = component?.kind ?? '';
      const count = kind === 'service' || kind === '' ? `${one.ready}/${one.wanted}` : '';
      return [one.component, kind, count, coloured(one.state), detail(view, component, one.reason)];
    }),
  );

const detail = (view: LevelView, component: Component | undefined, reason: string): string => {
  if (component?.kind === 'composition')
    return [`level ${view.level}.${component.name}`, reason].filter(Boolean).join('; ');
  if (component?.kind !== 'binding') return reason;
  const binding = view.graph?.bindings.find((one) => one.component === component.name);
  return binding === undefined ? reason : describeBinding(binding);
};

export const describeBinding = (binding: BindingRecord): string =>
  [...binding.split]
    .sort((a, b) => b.weight - a.weight)
    .filter((target) => target.weight > 0)
    .map((target) => `${target.alternative} ${formatShare(target.weight)}`)
    .join(', ');
