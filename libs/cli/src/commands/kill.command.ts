/** `mitosis kill`: SIGKILL to an instance or to the replica that leads a function, for trying what happens. */
import { FUNCTION_NAMES, MitosisError } from '@mitosis/contracts';
import type { Command } from 'commander';
import { levelAndArgs, withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { functionNamed } from '../session/level.js';

interface KillOptions extends SharedOptions {
  readonly leader?: string;
  readonly signal: string;
}

export const registerKill = (program: Command): void => {
  program
    .command('kill')
    .argument('[names...]', '[level] [instance]')
    .option('-p, --project-name <level>', 'the level meant')
    .option('--leader <function>', 'the replica that leads this function')
    .option('-s, --signal <signal>', 'signal to send', 'SIGKILL')
    .description('kill an instance or a leader, for trying it')
    .action(withContext<KillOptions>(kill));
};

const kill = async (context: Context, args: readonly string[], options: KillOptions): Promise<ExitCode> => {
  const needed = options.leader === undefined ? 1 : 0;
  const { level, rest } = await levelAndArgs(context, args, options, needed);
  const leader = options.leader === undefined ? undefined : functionNamed(options.leader, FUNCTION_NAMES);
  const target = leader === undefined ? rest[0] : await level.leaderReplica(leader);
  if (target === undefined || rest.length !== needed)
    throw new MitosisError(
      'invalid_input',
      'expected: mitosis kill [level] <instance>, or --leader <function>',
    );
  const reply = await level.kill(target, options.signal);
  context.output.result(
    { level: level.name, ...reply, signal: options.signal },
    () => `${level.name}: ${options.signal} sent to ${reply.instance} (process ${reply.pid})`,
  );
  return 0;
};
