/** `mitosis explain`: why a component is as it is, as chains of decisions with their causes and inputs. */
import { MitosisError, type DecisionRecord } from '@mitosis/contracts';
import type { Command } from 'commander';
import { levelAndArgs, withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { chainsOf, renderChain } from '../render/decisions.js';
import type { LevelSession } from '../session/level.js';
import { countOf } from './decisions.command.js';

interface ExplainOptions extends SharedOptions {
  readonly limit: string;
}

export const registerExplain = (program: Command): void => {
  program
    .command('explain')
    .argument('<names...>', '[level] <component or instance>')
    .option('-p, --project-name <level>', 'the level meant')
    .option('-n, --limit <count>', 'at most so many chains', '5')
    .description('why a component or an instance is as it is: decisions, their causes and inputs')
    .action(withContext<ExplainOptions>(explain));
};

/** As many as are kept at most. */
const ALL_DECISIONS = 1_000;

const explain = async (
  context: Context,
  args: readonly string[],
  options: ExplainOptions,
): Promise<ExitCode> => {
  const { level, rest } = await levelAndArgs(context, args, options, 1);
  const [name] = rest;
  if (name === undefined || rest.length > 1)
    throw new MitosisError('invalid_input', 'expected: mitosis explain [level] <component or instance>');
  const records = await level.decisions({ limit: ALL_DECISIONS });
  const about = await aboutOf(level, name, records);
  const chains = chainsOf(about, records, countOf(options.limit, '--limit'));
  context.output.result({ level: level.name, name, chains }, () =>
    chains.length === 0
      ? `${level.name}: no decision about ${name} is kept`
      : chains.map((chain) => renderChain(chain)).join('\n\n'),
  );
  return 0;
};

/** Decisions about a component, or those of its component that name an instance. Throws MitosisError `not_found`. */
const aboutOf = async (
  level: LevelSession,
  name: string,
  records: readonly DecisionRecord[],
): Promise<readonly DecisionRecord[]> => {
  const own = records.filter((record) => record.component === name);
  if (own.length > 0) return own;
  const naming = records.filter(
    (record) => JSON.stringify(record).includes(`"${name}"`) || mentions(record, name),
  );
  if (naming.length > 0) return naming;
  const { typeGraph } = await level.spec();
  if (typeGraph === undefined || Object.hasOwn(typeGraph.components, name)) return [];
  const known = Object.keys(typeGraph.components).join(', ');
  throw new MitosisError('not_found', `${level.name} has no component ${name}: one of ${known}`);
};

const mentions = (record: DecisionRecord, name: string): boolean =>
  `${record.change} ${record.reason}`.split(/[\s,:;]+/).includes(name);
