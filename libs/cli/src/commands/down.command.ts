/** `mitosis down`: ends a level and leaves nothing of it, also when its etcd is dead. */
import { MitosisError } from '@mitosis/contracts';
import type { Command } from 'commander';
import { endAgent, takeDown, type TakenDown, type TakeDownEvents } from '../bring-up/take-down.js';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { resolveRelease } from '../release.js';
import { hasState, startAgent } from '../session/agent-start.js';
import { selectLevel } from '../session/select-level.js';
import { boundOf, type Bound } from '../session/wait.js';
import { parseDuration } from './duration.js';

interface DownOptions extends SharedOptions {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly volumes?: boolean;
  readonly timeout: string;
}

export const registerDown = (program: Command): void => {
  program
    .command('down')
    .argument('[level]', 'default: the only root level')
    .option('-p, --project-name <level>', 'the level meant')
    .option('--all', 'every level of this host')
    .option('--force', 'do not drain: stop everything at once')
    .option('-v, --volumes', 'remove named volumes that were made for it, too: their data is gone then')
    .option('--timeout <duration>', 'longest time for an orderly end; then by force', '60s')
    .description('end a level and leave nothing of it')
    .action(withContext<DownOptions>(down));
};

const down = async (context: Context, args: readonly string[], options: DownOptions): Promise<ExitCode> => {
  const bound = boundOf(parseDuration(options.timeout), context.signal);
  const wanted = args[0] ?? options.projectName;
  if (!(await reachAgent(context, bound))) return nothingToDo(context, wanted);
  const levels = await context.host.levels();
  const meant =
    options.all === true
      ? levels.filter((info) => info.parent === '').map((info) => info.level)
      : [levels.length === 0 && wanted === undefined ? undefined : selectRoot(levels, wanted)].filter(
          (name) => name !== undefined,
        );
  const taken: TakenDown[] = [];
  const how = { force: options.force === true, volumes: options.volumes === true };
  for (const level of meant) taken.push(await takeDown(context.host, level, how, bound, eventsOf(context)));
  const agentEnded = await endAgent(context.host);
  context.output.result({ levels: taken, agentEnded }, () => summary(taken, agentEnded));
  return 0;
};

/** What is down cannot be asked: an agent that died with its levels is started again, to find what they left. */
const reachAgent = async (context: Context, bound: Bound): Promise<boolean> => {
  if (await context.host.agentAnswers()) return true;
  if (!hasState(context.home)) return false;
  await startAgent(context.host, resolveRelease(context.env), bound);
  return true;
};

const nothingToDo = (context: Context, wanted: string | undefined): ExitCode => {
  if (wanted !== undefined) throw new MitosisError('not_found', `no level ${wanted}: nothing is up here`);
  context.output.result({ levels: [], agentEnded: false }, () => 'nothing is up here');
  return 0;
};

const selectRoot = (...[levels, wanted]: Parameters<typeof selectLevel>): string => {
  const { level, parent } = selectLevel(levels, wanted);
  if (parent === '') return level;
  throw new MitosisError(
    'invalid_input',
    `${level} is a child of ${parent}: take it out of the composition and \`mitosis apply\`, or end ${parent}`,
  );
};

const eventsOf = ({ output }: Context): TakeDownEvents => ({
  milestone: (text) => output.milestone(text),
  progress: (level, remaining) => output.progress(`${level}: ${remaining} left to drain and stop`),
});

const summary = (taken: readonly TakenDown[], agentEnded: boolean): string => {
  const lines = taken.map(({ level, orderly }) => `${level}: down${orderly ? '' : ' (by force)'}`);
  if (taken.length === 0) lines.push('no level lives here');
  return [...lines, agentEnded ? 'agent ended' : 'agent goes on with the other levels'].join('\n');
};
