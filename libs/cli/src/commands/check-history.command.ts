/**
 * `mitosis check-history`: judges what this host's processes wrote down of a whole run. Reads files only, so that it works
 * when everything is down.
 */
import { resolve } from 'node:path';
import { checkHistory, describeReport, readHistory } from '@mitosis/history';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';

export const registerCheckHistory = (program: Command): void => {
  program
    .command('check-history')
    .argument('[dir...]', 'state directories of the hosts that took part (default: this host)')
    .description(
      'verify who acted as leader of what: no two leaders, nothing outside a session, all of it decided',
    )
    .action(withContext<SharedOptions>(check));
};

const check = (context: Context, args: readonly string[]): Promise<ExitCode> => {
  const directories = args.length === 0 ? [context.home] : args.map((dir) => resolve(context.cwd, dir));
  const report = checkHistory(directories.flatMap((directory) => readHistory(directory)));
  context.output.result(report, () => describeReport(report));
  return Promise.resolve(report.problems.length === 0 ? 0 : 1);
};
