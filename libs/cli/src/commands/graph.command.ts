/** `mitosis graph`: the type graph with its instances, levels inside levels. */
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { renderGraph } from '../render/graph.js';
import { observeLevel } from '../session/observe.js';
import { selectLevel, withDescendants } from '../session/select-level.js';

export const registerGraph = (program: Command): void => {
  program
    .command('graph')
    .argument('[level]', 'default: the only root level')
    .option('-p, --project-name <level>', 'the level meant')
    .description('the type graph with its instances, levels inside levels')
    .action(withContext<SharedOptions>(graph));
};

const graph = async (
  context: Context,
  args: readonly string[],
  options: SharedOptions,
): Promise<ExitCode> => {
  const levels = await context.host.levels();
  const { level } = selectLevel(levels, args[0] ?? options.projectName);
  const views = await Promise.all(
    withDescendants(levels, level).map((info) => observeLevel(context.host, info)),
  );
  const document = views.map((view) => ({
    level: view.level,
    typeGraph: view.typeGraph,
    instanceGraph: view.graph,
    unknown: view.unknown,
  }));
  context.output.result({ levels: document }, () => renderGraph(views));
  return 0;
};
