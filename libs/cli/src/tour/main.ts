/** `npm start`, after the preparation: options → tour → report → exit code. */
import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FUNCTION_NAMES, MitosisError, type FunctionName } from '@mitosis/contracts';
import { Command, CommanderError } from 'commander';
import { formatBytes } from '../output/units.js';
import { functionNamed } from '../session/level.js';
import { LiveView } from './live-view.js';
import { PHASES, RECOVERY_BOUND_S, type FaultId } from './plan.js';
import { freePort } from './ports.js';
import { renderClosing } from './report/closing-text.js';
import { judge } from './report/judge.js';
import { renderPage } from './report/page.js';
import type { TourReport } from './report/report.js';
import { renderTimeline } from './report/timeline.js';
import { Tour, type TourSettings } from './tour.js';

interface TourOptions {
  readonly paused?: readonly string[];
  readonly keep?: boolean;
  readonly port: string;
  readonly reportDir: string;
  readonly picture?: string;
}

const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const PROVIDER_PORT = 9_471;
/** Leaves room for `agent.sock` within the kernel's 108 bytes. */
const HOME_MAX = 90;

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  ...value.split(','),
];

const createCommand = (): Command =>
  new Command('npm start --')
    .description(
      'The guided tour: examples/shop under Mitosis, with load and faults, and a report of what held.',
    )
    .option('--paused <function>', `pause a function in every level: ${FUNCTION_NAMES.join(', ')}`, collect)
    .option('--keep', 'leave the shop running at the end')
    .option('--port <number>', 'port of the shop (the next free one from here)', '8080')
    .option('--report-dir <path>', 'where report.json and report.html go', '.')
    .option('--picture <file>', 'write the chart of the report as an SVG file as well')
    .exitOverride()
    .showHelpAfterError('(add --help for more)');

const homeDir = (): string => {
  const usual = join(realpathSync(repository), '.mitosis', 'shop', 'state');
  if (Buffer.byteLength(usual) <= HOME_MAX) return usual;
  return `/tmp/mitosis-shop-${createHash('sha256').update(usual).digest('hex').slice(0, 10)}/state`;
};

const settingsOf = async (options: TourOptions, signal: AbortSignal): Promise<TourSettings> => {
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_000)
    throw new MitosisError('invalid_input', `--port ${options.port}: expected a port number`);
  const paused: readonly FunctionName[] = (options.paused ?? []).map((name) =>
    functionNamed(name, FUNCTION_NAMES),
  );
  return {
    home: homeDir(),
    shopDir: join(repository, 'examples', 'shop'),
    port: await freePort(port),
    providerPort: await freePort(PROVIDER_PORT),
    paused,
    keep: options.keep === true,
    env: process.env,
    signal,
  };
};

const machine = (): TourReport['machine'] => ({
  cores: cpus().length,
  processor: cpus()[0]?.model ?? 'unknown',
  memory: formatBytes(totalmem()),
  node: process.version,
  platform: process.platform,
});

const writeReport = (report: TourReport, { reportDir, picture }: TourOptions): readonly string[] => {
  const dir = resolve(reportDir);
  mkdirSync(dir, { recursive: true });
  const json = join(dir, 'report.json');
  const html = join(dir, 'report.html');
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(html, renderPage(report));
  if (picture === undefined) return [json, html];
  mkdirSync(dirname(resolve(picture)), { recursive: true });
  writeFileSync(picture, `${renderTimeline(report)}\n`);
  return [json, html, picture];
};

const runTour = async (options: TourOptions): Promise<number> => {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const settings = await settingsOf(options, controller.signal);
  mkdirSync(join(settings.home, '..'), { recursive: true });
  const view = new LiveView(process.stdout);
  const facts = await new Tour(settings, view).run();
  view.end();
  const expected = {
    phases: PHASES.map((phase) => phase.id),
    faults: Object.keys(RECOVERY_BOUND_S) as FaultId[],
  };
  const report = judge(facts, settings.keep, expected, machine());
  const files = writeReport(report, options);
  process.stdout.write(`${renderClosing(report)}\nReport: ${files.join(' ')}\n`);
  if (settings.keep && facts.broken === '') process.stdout.write(keptText(settings));
  return report.verdict === 'held' ? 0 : 1;
};

const keptText = ({ home, port }: TourSettings): string =>
  `\nThe shop goes on at http://127.0.0.1:${port}/. Look at it and end it with:\n` +
  `  export MITOSIS_HOME=${home}\n  npx mitosis status\n  npx mitosis down\n`;

/** Sets the exit code: 0 the objectives held, 1 they did not, 2 bad input. */
export const main = async (argv: readonly string[]): Promise<void> => {
  try {
    const command = createCommand().parse([...argv]);
    process.exitCode = await runTour(command.opts<TourOptions>());
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    process.stderr.write(`${error instanceof MitosisError ? error.message : String(error)}\n`);
    process.exitCode = error instanceof MitosisError && error.code === 'invalid_input' ? 2 : 1;
  }
};
