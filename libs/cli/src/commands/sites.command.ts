/** `mitosis sites`: where instances can run, and what is used there. */
import type { Command } from 'commander';
import { levelAndArgs, withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { renderSites } from '../render/sites.js';

export const registerSites = (program: Command): void => {
  program
    .command('sites')
    .argument('[level]', 'default: the only root level')
    .option('-p, --project-name <level>', 'the level meant')
    .description('where instances can run, and what is used there')
    .action(withContext<SharedOptions>(sites));
};

const sites = async (
  context: Context,
  args: readonly string[],
  options: SharedOptions,
): Promise<ExitCode> => {
  const { level } = await levelAndArgs(context, args, options);
  const reply = await level.sites();
  context.output.result({ level: level.name, ...reply }, () => renderSites(reply));
  return 0;
};
