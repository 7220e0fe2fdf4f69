/** `mitosis status`: levels, leaders, components wanted and ready, bindings, entry. Works with dead management, too. */
import type { agent } from '@mitosis/contracts';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { renderStatus } from '../render/status.js';
import { entryUrls, observeLevel, type LevelView } from '../session/observe.js';
import { selectLevel, withDescendants } from '../session/select-level.js';

export const registerStatus = (program: Command): void => {
  program
    .command('status')
    .argument('[level]', 'default: all levels of this host')
    .option('-p, --project-name <level>', 'the level meant')
    .description('levels, leaders, components wanted and ready, bindings, entry')
    .action(withContext<SharedOptions>(status));
};

/** The level named and all below it, or every level of the host. */
export const levelsMeant = (
  levels: readonly agent.LevelInfo[],
  wanted: string | undefined,
): readonly agent.LevelInfo[] => {
  if (wanted !== undefined) return withDescendants(levels, selectLevel(levels, wanted).level);
  return levels.filter((info) => info.parent === '').flatMap((info) => withDescendants(levels, info.level));
};

const status = async (
  context: Context,
  args: readonly string[],
  options: SharedOptions,
): Promise<ExitCode> => {
  const meant = levelsMeant(await context.host.levels(), args[0] ?? options.projectName);
  const views = await Promise.all(meant.map((info) => observeLevel(context.host, info)));
  context.output.result({ levels: views.map(statusDocument) }, () =>
    views.length === 0
      ? 'no level lives here: start one with `mitosis up <compose file>`'
      : renderStatus(views),
  );
  return 0;
};

const statusDocument = (view: LevelView): unknown => ({
  level: view.level,
  parent: view.parent,
  incarnation: view.incarnation,
  generation: view.generation,
  phase: view.phase,
  ready: view.composite?.ready ?? null,
  state: view.composite?.state ?? null,
  reason: view.composite?.reason ?? null,
  components: view.composite?.components ?? null,
  leaders: view.directory?.leaders ?? null,
  controls: view.controls,
  entry: view.graph === null ? null : entryUrls(view.graph),
  bindings: view.graph?.bindings ?? null,
  management: view.management,
  unknown: view.unknown,
});
