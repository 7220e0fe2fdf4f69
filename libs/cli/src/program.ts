/** The `mitosis` command: its subcommands and how mistakes in calling it are answered. */
import { Command, CommanderError } from 'commander';
import { registerApply } from './commands/apply.command.js';
import { registerCertificates } from './commands/certificates.command.js';
import { registerCheckHistory } from './commands/check-history.command.js';
import { registerControl } from './commands/control.command.js';
import { registerDecisions } from './commands/decisions.command.js';
import { registerDiff } from './commands/diff.command.js';
import { registerDown } from './commands/down.command.js';
import { registerExplain } from './commands/explain.command.js';
import { registerGraph } from './commands/graph.command.js';
import { registerJoin } from './commands/join.command.js';
import { registerKill } from './commands/kill.command.js';
import { registerLogs } from './commands/logs.command.js';
import { registerNew } from './commands/new.command.js';
import { registerRecord } from './commands/record.command.js';
import { registerRestore } from './commands/restore.command.js';
import { registerScale } from './commands/scale.command.js';
import { registerShareEtcd } from './commands/share-etcd.command.js';
import { registerSimulate } from './commands/simulate.command.js';
import { registerSites } from './commands/sites.command.js';
import { registerSnapshot } from './commands/snapshot.command.js';
import { registerStatus } from './commands/status.command.js';
import { registerUp } from './commands/up.command.js';
import { registerUpgrade } from './commands/upgrade.command.js';
import { registerValidate } from './commands/validate.command.js';

/** In the order in which a user meets them. */
const COMMANDS = [
  registerValidate,
  registerUp,
  registerApply,
  registerDiff,
  registerStatus,
  registerGraph,
  registerLogs,
  registerExplain,
  registerDecisions,
  registerScale,
  registerControl,
  registerKill,
  registerSimulate,
  registerRecord,
  registerNew,
  registerSites,
  registerSnapshot,
  registerRestore,
  registerUpgrade,
  registerCertificates,
  registerShareEtcd,
  registerJoin,
  registerCheckHistory,
  registerDown,
];

export const createProgram = (): Command => {
  const program = new Command('mitosis')
    .description('Service compositions that manage themselves.')
    .option('--json', 'one JSON document, or one JSON line an event')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for more)')
    .exitOverride();
  program.addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 bad input.\nState: $MITOSIS_HOME, by default ~/.mitosis.',
  );
  for (const register of COMMANDS) register(program);
  for (const command of program.commands)
    command.option('--json', 'one JSON document, or one JSON line an event');
  return program;
};

/** Whoever reads has seen enough (`| head`): as any command it ends without a word. */
const endWithReader = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
};

/** Runs one command line; sets the exit code and never throws for what a user can do wrong. */
export const main = async (argv: readonly string[]): Promise<void> => {
  process.stdout.on('error', endWithReader);
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has told it already. Help and version are no mistakes.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
};
