/** `mitosis new policy`: a scaling policy of one's own to start from, with its test. Touches only the files it makes. */
import { join, resolve } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { policyFiles } from '../scaffold/policy.template.js';
import { writeNew } from '../scaffold/write-new.js';

interface NewOptions extends SharedOptions {
  readonly folder: string;
}

export const registerNew = (program: Command): void => {
  program
    .command('new')
    .description('make something of your own to start from')
    .command('policy')
    .argument('<name>', 'in small letters, for example night-shift')
    .option('--folder <folder>', 'where to write it', '.')
    .description('write a scaling policy that works, and its test')
    .action(withContext<NewOptions>(newPolicy));
};

/** Of what the file names and the text can bear. */
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
/** Long enough for a phrase, short enough for a line of `mitosis simulate`. */
const NAME_MAX = 40;

/** Throws MitosisError `invalid_input` for what is no name, or one of `taken`. */
export const policyName = (name: string, taken: readonly string[]): string => {
  if (!NAME.test(name) || name.length > NAME_MAX)
    throw new MitosisError(
      'invalid_input',
      `${JSON.stringify(name)} is no name of a policy: write up to ${NAME_MAX} small letters, digits and single hyphens, a letter first, for example night-shift`,
    );
  if (taken.includes(name))
    throw new MitosisError(
      'invalid_input',
      `there is a policy ${name} already (${taken.join(', ')}): take another name`,
    );
  return name;
};

const newPolicy = async (
  context: Context,
  [wanted = '']: readonly string[],
  { folder }: NewOptions,
): Promise<ExitCode> => {
  // Loaded here: the names are those of the simulator, which no other command needs.
  const { POLICY_NAMES } = await import('@mitosis/simulation/workload');
  const name = policyName(wanted, POLICY_NAMES);
  const [policy, test] = policyFiles(name);
  writeNew(resolve(context.cwd, folder), folder, [policy, test]);
  const files = [join(folder, policy.file), join(folder, test.file)];
  const next = [
    `node --test ${files[1]}`,
    `mitosis simulate compose.yaml --trace day.csv --policy 'own,${files[0]}(rate=100)'`,
  ];
  context.output.result({ name, files, next }, () =>
    [`wrote ${files.join(' and ')}`, 'next:', ...next.map((line) => `  ${line}`)].join('\n'),
  );
  return 0;
};
