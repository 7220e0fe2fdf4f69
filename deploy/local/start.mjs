/**
 * `npm start`: installs and builds what is missing, then runs the guided tour of examples/shop. This file only prepares;
 * what the tour does is in libs/cli/src/tour.
 */
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { handOver, root, runMain, seconds } from './steps.mjs';

const HELP = `usage: npm start -- [options]

Needs Node and npm, nothing else. Fetches pnpm, the dependencies and etcd into this directory (the system stays as it
is), builds, and runs examples/shop under Mitosis with a guided tour: about three minutes, a report at the end.

  --prepare-only       install and build, do not start anything
  --help               this text

Options of the tour:
`;

const args = process.argv.slice(2);
const tour = join(root, 'libs', 'cli', 'bin', 'tour.mjs');

await runMain(async () => {
  const help = args.includes('--help') || args.includes('-h');
  if (help) process.stdout.write(HELP);
  const startedAt = performance.now();
  const env = await prepare();
  if (args.includes('--prepare-only')) return 0;
  process.stdout.write(`  prepared in ${seconds(performance.now() - startedAt)}\n\n`);
  return handOver(process.execPath, [tour, ...args], env);
});
