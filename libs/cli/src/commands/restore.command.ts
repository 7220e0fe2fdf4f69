/**
 * `mitosis restore`: a level's store from a snapshot, under a newer incarnation. What runs goes on and is adopted; what was
 * decided after the snapshot is decided again.
 */
import { resolve } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { selectLevel } from '../session/select-level.js';

export const registerRestore = (program: Command): void => {
  program
    .command('restore')
    .argument('<file>', 'what `mitosis snapshot` wrote')
    .argument('[level]', 'default: the only root level')
    .option('-p, --project-name <level>', 'the level meant')
    .description('make the store of a level anew from a snapshot; what runs goes on')
    .action(withContext<SharedOptions>(restore));
};

/** Copying, and a start of etcd and of the management on a busy machine. */
const RESTORE_MS = 120_000;

const restore = async (
  context: Context,
  args: readonly string[],
  options: SharedOptions,
): Promise<ExitCode> => {
  const [file] = args;
  if (file === undefined) throw new MitosisError('invalid_input', 'expected: mitosis restore <file> [level]');
  const { level } = selectLevel(await context.host.levels(), args[1] ?? options.projectName);
  const { incarnation } = await context.host.rpc.unary(
    'agent',
    context.host.agentAddress,
    'restore',
    { level, file: resolve(context.cwd, file) },
    RESTORE_MS,
  );
  context.output.result({ level, incarnation }, () => `${level}: restored, incarnation ${incarnation}`);
  return 0;
};
