/** From what is known of the levels to what a person waits for: ready or not, and what is missing. Pure. */
import { FUNCTION_NAMES, MANAGEMENT_COMPONENTS, type TypeGraph } from '@mitosis/contracts';
import type { LevelView } from '../session/observe.js';

export interface Readiness {
  readonly ready: boolean;
  readonly missing: readonly string[];
  /** Instances that failed or are not healthy, whose last words are worth showing. */
  readonly suspects: readonly { readonly level: string; readonly id: string }[];
}

/** Every level the type graph contains, the root first. */
export const levelsOf = (typeGraph: TypeGraph): readonly string[] => [
  typeGraph.level,
  ...Object.values(typeGraph.components).flatMap(({ composition }) =>
    composition === null ? [] : levelsOf(composition),
  ),
];

export const readinessOf = (wanted: readonly string[], views: readonly LevelView[]): Readiness => {
  const missing = wanted.flatMap((level) =>
    missingOf(
      level,
      views.find((view) => view.level === level),
    ),
  );
  return { ready: missing.length === 0, missing, suspects: views.flatMap(suspectsOf) };
};

const missingOf = (level: string, view: LevelView | undefined): readonly string[] => {
  if (view === undefined) return [`${level}: not born yet`];
  if (view.directory === null) return [`${level}: no manager answers`];
  const led = new Set(view.directory.leaders.map((leader) => leader.function));
  const leaderless = FUNCTION_NAMES.filter((fn) => !led.has(fn));
  const leaders = leaderless.length === 0 ? [] : [`${level}: no leader of ${leaderless.join(', ')}`];
  if (view.composite === null) return [...leaders, `${level}: health does not answer`];
  if (view.composite.ready) return leaders;
  return [...leaders, ...componentsMissing(level, view)];
};

const componentsMissing = (level: string, view: LevelView): readonly string[] => {
  const components = (view.composite?.components ?? [])
    .filter((one) => one.state !== 'healthy' && one.state !== 'completed')
    .map(
      (one) =>
        `${level}: ${one.component} ${one.ready}/${one.wanted}${one.reason === '' ? '' : ` (${one.reason})`}`,
    );
  if (components.length > 0) return components;
  const reason = view.composite?.reason ?? '';
  return [`${level}: ${reason === '' ? 'not ready, its health gives no reason' : reason}`];
};

const suspectsOf = (view: LevelView): Readiness['suspects'] => {
  const failed = (view.graph?.instances ?? []).filter(
    (one) => one.phase === 'failed' || one.phase === 'running' || one.phase === 'starting',
  );
  const dead = view.management.filter((one) => one.state !== 'running' || one.health === 'unhealthy');
  const ids = new Set([...failed.map((one) => one.id as string), ...dead.map((one) => one.id)]);
  return [...ids].map((id) => ({ level: view.level, id }));
};

/** One line a level for the live view. */
export const progressLine = (level: string, view: LevelView | undefined): string => {
  if (view === undefined) return `${level}: waits to be born`;
  const running = view.management.filter((one) => one.state === 'running').length;
  const leaders =
    view.directory === null
      ? 'no manager yet'
      : `leaders ${view.directory.leaders.length}/${FUNCTION_NAMES.length}`;
  const components = (view.composite?.components ?? [])
    .filter((one) => one.wanted > 0)
    .map((one) => `${one.component} ${one.ready}/${one.wanted}`);
  const routers = view.management.filter((one) => one.component === MANAGEMENT_COMPONENTS.router).length;
  const parts = [`management ${running} (${routers} routers)`, leaders, ...components];
  return `${level}: ${view.composite?.ready === true ? 'ready' : parts.join(', ')}`;
};
