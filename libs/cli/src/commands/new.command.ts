/**
 * `mitosis new policy` and `mitosis new service`: something of one's own to start from, with its tests. A policy is two files;
 * a service is a folder of this repository and its registrations.
 */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { checkedName } from '../scaffold/names.js';
import { DEFAULT_SUMMARY, newService } from '../scaffold/new-service.js';
import { policyFiles } from '../scaffold/policy.template.js';
import { writeNew } from '../scaffold/write-new.js';

interface NewOptions extends SharedOptions {
  readonly folder: string;
}

interface NewServiceOptions extends SharedOptions {
  readonly summary: string;
}

export const registerNew = (program: Command): void => {
  const made = program.command('new').description('make something of your own to start from');
  made
    .command('policy')
    .argument('<name>', 'in small letters, for example night-shift')
    .option('--folder <folder>', 'where to write it', '.')
    .description('write a scaling policy that works, and its test')
    .action(withContext<NewOptions>(newPolicy));
  made
    .command('service')
    .argument('<name>', 'in small letters, for example cost-watcher')
    .option('--summary <words>', 'what it is for, as the list of services tells it', DEFAULT_SUMMARY)
    .description('add a service to this checkout that builds, is elected, deployed and tested')
    .action(withContext<NewServiceOptions>(addService));
};

/** Long enough for a phrase, short enough for a line of `mitosis simulate`. */
const POLICY_NAME_MAX = 40;

const addService = async (
  context: Context,
  [wanted = '']: readonly string[],
  { summary }: NewServiceOptions,
): Promise<ExitCode> => {
  const made = newService(context.cwd, wanted, summary);
  context.output.result(made, () =>
    [
      `wrote services/${made.name} (${made.files.length} files), registered in ${made.changed.join(', ')}`,
      'next:',
      ...made.next.map((line) => `  ${line}`),
    ].join('\n'),
  );
  return 0;
};

const newPolicy = async (
  context: Context,
  [wanted = '']: readonly string[],
  { folder }: NewOptions,
): Promise<ExitCode> => {
  // Loaded here: the names are those of the simulator, which no other command needs.
  const { POLICY_NAMES } = await import('@mitosis/simulation/workload');
  const name = checkedName(wanted, {
    kind: 'policy',
    example: 'night-shift',
    maxLength: POLICY_NAME_MAX,
    taken: POLICY_NAMES,
  });
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
