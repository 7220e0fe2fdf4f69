/**
 * `npm test`: installs and builds what is missing, then runs all tests and ends with one line that says how many passed
 * and failed. What the tests need beyond that they start themselves.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { handOver, localDir, runMain } from './steps.mjs';

const HELP = `usage: npm test -- [options] [file filters]

Installs and builds what is missing, then runs the unit and the integration tests (real processes, real etcd, only
loopback addresses). Ends with "N passed, N failed".

  --unit               only the unit tests
  --integration        only the integration tests
  --help               this text

Everything else is handed to vitest.
`;

const resultFile = join(localDir, 'test-results.json');

/**
 * Counts of vitest's JSON report. A file that could not even be loaded has no test of its own: it counts as one failed.
 * @returns {{ passed: number, failed: number, skipped: number }}
 */
const countResults = () => {
  if (!existsSync(resultFile)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(resultFile, 'utf8'));
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + report.numTodoTests,
  };
};

/** @param {readonly string[]} args @param {Record<string, string>} env */
const runTests = async (args, env) => {
  const only = ['--unit', '--integration'].filter((flag) => args.includes(flag));
  const projects = only.length === 1 ? only.map((flag) => flag.slice(2)) : ['unit', 'integration'];
  mkdirSync(localDir, { recursive: true });
  rmSync(resultFile, { force: true });
  const vitest = ['exec', 'vitest', 'run', '--config', 'test/vitest.config.ts'];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultFile}`];
  const rest = args.filter((arg) => !only.includes(arg));
  const code = await handOver(
    'pnpm',
    [...vitest, ...projects.map((name) => `--project=${name}`), ...reporters, ...rest],
    env,
  );
  const { passed, failed, skipped } = countResults();
  // An error outside of every test (an unhandled rejection, a hook) fails the run too, and must show in the last line.
  const failures = code !== 0 && failed === 0 ? 1 : failed;
  const others = skipped === 0 ? '' : ` (${skipped} skipped)`;
  process.stdout.write(`${passed} passed, ${failures} failed${others}\n`);
  return failures === 0 ? 0 : 1;
};

const args = process.argv.slice(2);

await runMain(async () => {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  return runTests(args, await prepare());
});
