/** `mitosis logs`: what instances print. Asks health; the agent directly for one instance while management is dead. */
import { MitosisError } from '@mitosis/contracts';
import type { Command } from 'commander';
import pc from 'picocolors';
import { levelAndArgs, withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import type { LevelSession } from '../session/level.js';
import { boundOf } from '../session/wait.js';
import { countOf } from './decisions.command.js';

interface LogsOptions extends SharedOptions {
  readonly tail: string;
  readonly follow?: boolean;
}

interface LogLine {
  readonly component: string;
  readonly id: string;
  readonly text: string;
}

interface LogQuery {
  readonly target: string;
  readonly tailLines: number;
  readonly follow: boolean;
}

export const registerLogs = (program: Command): void => {
  program
    .command('logs')
    .argument('[names...]', '[level] [component or instance]; default: every application instance')
    .option('-p, --project-name <level>', 'the level meant')
    .option('-n, --tail <lines>', 'lines of the past of each instance', '50')
    .option('-F, --follow', 'go on until interrupted')
    .description('what instances print')
    .action(withContext<LogsOptions>(logs));
};

const logs = async (context: Context, args: readonly string[], options: LogsOptions): Promise<ExitCode> => {
  const { level, rest } = await levelAndArgs(context, args, options);
  if (rest.length > 1)
    throw new MitosisError('invalid_input', 'expected: mitosis logs [level] [component or instance]');
  const query: LogQuery = {
    target: rest[0] ?? '',
    tailLines: countOf(options.tail, '--tail'),
    follow: options.follow === true,
  };
  for await (const line of logLines(level, query, context.signal))
    for (const text of line.text.replace(/\n$/, '').split('\n'))
      context.output.event({ ...line, text }, () => `${pc.cyan(line.id)} ${text}`);
  return 0;
};

/** Without `follow`, nobody waits longer than this for the last line. */
const LOGS_MS = 10_000;
const LEADER_MS = 3_000;

async function* logLines(level: LevelSession, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const address = await healthAddress(level);
  const options = { signal, deadlineMs: query.follow ? 0 : LOGS_MS };
  if (address !== undefined) {
    yield* level.host.rpc.stream('health', address, 'logs', query, options);
    return;
  }
  if (query.target === '')
    throw new MitosisError(
      'unavailable',
      `${level.name}: health has no leader; name one instance to read its log from the agent`,
    );
  const request = { level: level.name, id: query.target, tailLines: query.tailLines, follow: query.follow };
  for await (const chunk of level.host.rpc.stream('agent', level.host.agentAddress, 'logs', request, options))
    yield { component: '', id: chunk.id, text: chunk.text };
}

/** Undefined when health is not led at the moment. */
const healthAddress = async (level: LevelSession): Promise<string | undefined> => {
  try {
    return await level.withLeader('health', (address) => Promise.resolve(address), boundOf(LEADER_MS));
  } catch {
    return undefined;
  }
};
