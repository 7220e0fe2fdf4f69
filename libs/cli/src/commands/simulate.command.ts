/**
 * `mitosis simulate`: a load trace against the composition in virtual time, with the decision code of production, for
 * several policies side by side. Changes nothing anywhere but the report it is asked for.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { MitosisError, type TypeGraph } from '@mitosis/contracts';
import type { Comparison, Trace, Traits } from '@mitosis/simulation/workload';
import type { Command } from 'commander';
import { loadFiles, takesComposition, tellWarnings, type CompositionOptions } from '../composition.js';
import { withContext, type Context, type ExitCode } from '../command.js';
import { parseDuration } from './duration.js';
import { contenderOf, type Entrant } from './simulate/policy-file.js';
import { compare } from './simulate/play.js';
import { renderComparison } from './simulate/table.js';
import { renderSimulationPage } from './simulate/page.js';

interface SimulateOptions extends CompositionOptions {
  readonly trace: string;
  readonly policy: string;
  readonly report?: string;
  readonly calibrate?: string;
  readonly scale: string;
  readonly from: string;
  readonly for?: string;
  readonly start?: string;
  readonly late: string;
  readonly price: string;
  readonly seed: string;
  readonly step?: string;
}

export const registerSimulate = (program: Command): void => {
  takesComposition(program.command('simulate'))
    .description(
      'replay a load trace against the composition in virtual time, for several policies side by side',
    )
    .requiredOption('--trace <csv>', 'load: "minute,requests" or "second,requests" and a line per bin')
    .option(
      '--policy <list>',
      'own (what the composition says), slo, hpa, kpa, target, threshold, or files; options in parentheses',
      'own',
    )
    .option('--report <html>', 'write a page with plots')
    .option('--calibrate <recording>', 'service times, start-up times and visits from `mitosis record`')
    .option('--scale <factor>', 'multiplies the load', '1')
    .option('--from <duration>', 'leaves out the beginning of the trace', '0s')
    .option('--for <duration>', 'plays this much of the trace')
    .option('--start <duration>', 'start-up time of every component, instead of the measured or assumed one')
    .option('--late <share>', 'late requests the clairvoyant optimum may have', '1%')
    .option('--price <amount>', 'of an instance and hour, to tell cost in money', '0')
    .option('--seed <number>', 'of everything random', '1')
    .option(
      '--step <duration>',
      'longest step of virtual time while nothing happens, up to 1m (default: 1s; 30s for traces of more than three days)',
    )
    .action(withContext<SimulateOptions>(simulate));
};

const readText = (context: Context, file: string, what: string): string => {
  try {
    return readFileSync(resolve(context.cwd, file), 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MitosisError('invalid_input', `${what} ${file} cannot be read: ${reason}`);
  }
};

interface Bounds {
  readonly least: number;
  readonly most?: number;
  readonly whole?: boolean;
}

const numberOf = (text: string, option: string, { least, most = Infinity, whole }: Bounds): number => {
  const plain = /^\d+(\.\d+)?%?$/.test(text);
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (!plain || value < least || value > most || (whole === true && !Number.isInteger(value))) {
    const what = whole === true ? 'a whole number' : 'a number';
    const range = most === Infinity ? `of ${least} or more` : `from ${least} to ${most}`;
    throw new MitosisError('invalid_input', `${option} ${text}: expected ${what} ${range}`);
  }
  return value;
};

const durationOf = (text: string, option: string, leastMs: number): number => {
  let ms: number;
  try {
    ms = parseDuration(text);
  } catch (error) {
    if (!(error instanceof MitosisError)) throw error;
    throw new MitosisError(error.code, `${option}: ${error.message}`, { cause: error });
  }
  if (ms < leastMs)
    throw new MitosisError('invalid_input', `${option} ${text}: expected at least ${leastMs / 1_000} s`);
  return ms;
};

interface Chosen {
  readonly fromS: number;
  /** null: to the end. */
  readonly forS: number | null;
  /** null: as measured or assumed. */
  readonly startMs: number | null;
  readonly scale: number;
  readonly lateShare: number;
  readonly pricePerHour: number;
  readonly seed: number;
  /** null: the usual one. */
  readonly longestS: number | null;
}

const STEP_MAX_S = 60;

/** Whole seconds. */
const stepOf = (text: string): number => {
  const seconds = durationOf(text, '--step', 1_000) / 1_000;
  if (!Number.isInteger(seconds) || seconds > STEP_MAX_S)
    throw new MitosisError(
      'invalid_input',
      `--step ${text}: expected whole seconds from 1s to ${STEP_MAX_S}s; 1s plays each second`,
    );
  return seconds;
};

/** Everything a person may have mistyped is found before anything is played. */
const chosenOf = (options: SimulateOptions): Chosen => ({
  fromS: durationOf(options.from, '--from', 0) / 1_000,
  forS: options.for === undefined ? null : durationOf(options.for, '--for', 1_000) / 1_000,
  startMs: options.start === undefined ? null : durationOf(options.start, '--start', 0),
  scale: numberOf(options.scale, '--scale', { least: 0.000_001 }),
  lateShare: numberOf(options.late, '--late', { least: 0, most: 1 }),
  pricePerHour: numberOf(options.price, '--price', { least: 0 }),
  seed: numberOf(options.seed, '--seed', { least: 0, most: 4_294_967_295, whole: true }),
  longestS: options.step === undefined ? null : stepOf(options.step),
});

const checkReport = (context: Context, { report }: SimulateOptions): void => {
  if (report === undefined) return;
  const folder = dirname(resolve(context.cwd, report));
  if (!existsSync(folder))
    throw new MitosisError(
      'invalid_input',
      `--report ${report}: there is no folder ${folder}; make it first`,
    );
};

type Workload = typeof import('@mitosis/simulation/workload');

const loadTrace = (workload: Workload, context: Context, file: string, chosen: Chosen): Trace => {
  const whole = workload.parseTrace(file, readText(context, file, 'the trace'));
  const seconds = workload.traceSeconds(whole);
  const { fromS, forS, scale } = chosen;
  if (fromS >= seconds)
    throw new MitosisError('invalid_input', `--from ${fromS}s: the trace is ${seconds} s long`);
  return workload.scaleTrace(workload.cutTrace(whole, fromS, forS ?? seconds - fromS), scale);
};

const traitsOf = (
  workload: Workload,
  context: Context,
  { calibrate }: SimulateOptions,
  startMs: number | null,
  typeGraph: TypeGraph,
): Traits => {
  const known: Traits =
    calibrate === undefined
      ? Object.fromEntries(Object.keys(typeGraph.components).map((name) => [name, workload.ASSUMED]))
      : workload.calibrate(
          typeGraph,
          workload.parseRecording(calibrate, readText(context, calibrate, 'the recording')),
        );
  if (startMs === null) return known;
  return Object.fromEntries(Object.entries(known).map(([name, traits]) => [name, { ...traits, startMs }]));
};

const entrantsOf = (workload: Workload, context: Context, text: string): readonly Entrant[] => {
  const specs = workload.parsePolicies(text);
  for (const spec of specs) workload.checkSpec(spec);
  return specs.map((spec) =>
    workload.isPolicyFile(spec) ? { spec, file: resolve(context.cwd, spec.name) } : { spec },
  );
};

const simulate = async (
  context: Context,
  args: readonly string[],
  options: SimulateOptions,
): Promise<ExitCode> => {
  const chosen = chosenOf(options);
  checkReport(context, options);
  // Only this command needs the autoscaler's decisions; the others start without them (docs/decisions).
  const workload = await import('@mitosis/simulation/workload');
  const loaded = loadFiles(context, args, options);
  tellWarnings(context, loaded);
  const trace = loadTrace(workload, context, options.trace, chosen);
  const traits = traitsOf(workload, context, options, chosen.startMs, loaded.typeGraph);
  const entrants = entrantsOf(workload, context, options.policy);
  const contenders = await Promise.all(entrants.map(contenderOf));
  if (options.calibrate === undefined)
    context.output.warn(
      `service times are assumed (${workload.ASSUMED.service.meanMs} ms, ${workload.ASSUMED.concurrency} at once): calibrate with a recording`,
    );
  const { seed, lateShare, pricePerHour } = chosen;
  const longestS = chosen.longestS ?? workload.usualStepS(trace);
  if (longestS > 1 && chosen.longestS === null)
    context.output.warn(
      `a long trace: where nothing happens up to ${longestS} s are played at once; --step 1s plays each second, as in production`,
    );
  const { typeGraph } = loaded;
  const named = { ...trace, name: basename(options.trace) };
  const comparison = await compare(
    { typeGraph, traits, trace: named, contenders, seed, lateShare, pricePerHour, longestS },
    entrants,
    workload,
    (done, all) => context.output.progress(`${done} of ${all} plays done, the clairvoyant's among them`),
  );
  writeReport(context, options, comparison, loaded.typeGraph.name);
  context.output.result({ ...comparison, traits }, () => renderComparison(comparison));
  return 0;
};

const writeReport = (
  context: Context,
  { report }: SimulateOptions,
  comparison: Comparison,
  name: string,
): void => {
  if (report === undefined) return;
  writeFileSync(resolve(context.cwd, report), renderSimulationPage(name, comparison));
  context.output.milestone(`report: ${report}`);
};
