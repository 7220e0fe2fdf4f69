/** `mitosis decisions`: what the level decided and why; `--follow` shows them as they are made. */
import { FUNCTION_NAMES, MitosisError, type DecisionRecord } from '@mitosis/contracts';
import type { Command } from 'commander';
import { levelAndArgs, withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { renderDecision } from '../render/decisions.js';
import { functionNamed, type DecisionQuery } from '../session/level.js';

interface DecisionsOptions extends SharedOptions {
  readonly function?: string;
  readonly component?: string;
  readonly limit: string;
  readonly follow?: boolean;
}

export const registerDecisions = (program: Command): void => {
  program
    .command('decisions')
    .argument('[level]', 'default: the only root level')
    .option('-p, --project-name <level>', 'the level meant')
    .option('--function <name>', `only of one function: ${FUNCTION_NAMES.join(', ')}`)
    .option('--component <name>', 'only about one component')
    .option('-n, --limit <count>', 'at most so many of the past', '30')
    .option('-F, --follow', 'go on with the new ones until interrupted')
    .description('what was decided and why')
    .action(withContext<DecisionsOptions>(decisions));
};

export const countOf = (text: string, what: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new MitosisError('invalid_input', `${what} ${text}: expected a whole number, 0 or more`);
};

const decisions = async (
  context: Context,
  args: readonly string[],
  options: DecisionsOptions,
): Promise<ExitCode> => {
  const { level } = await levelAndArgs(context, args, options);
  const query: DecisionQuery = {
    limit: countOf(options.limit, '--limit'),
    ...(options.function === undefined ? {} : { fn: functionNamed(options.function, FUNCTION_NAMES) }),
    ...(options.component === undefined ? {} : { component: options.component }),
  };
  const show = (record: DecisionRecord): void => context.output.event(record, () => renderDecision(record));
  if (options.follow === true) {
    for await (const record of level.followDecisions(query, context.signal)) show(record);
    return 0;
  }
  const records = [...(await level.decisions(query))].sort((a, b) => a.atMs - b.atMs);
  context.output.result({ level: level.name, decisions: records }, () =>
    records.length === 0 ? 'no decision yet' : records.map(renderDecision).join('\n'),
  );
  return 0;
};
