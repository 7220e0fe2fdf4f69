/**
 * One chaos run: a level under constant load, the events of a seed, then everything healed, converged and judged. Leaves
 * nothing behind when all is well; keeps state directory, logs and histories when it is not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { checkHistory, describeReport, readHistory, type HistoryReport } from '@mitosis/history';
import { Host } from '../../level/host.js';
import { startLoad, type LoadCounts } from '../../level/load.js';
import { until } from '../../level/until.js';
import { LEVEL, writeComposition } from './composition.js';
import { Faults, type Outcome } from './faults.js';
import { hasOwnNetwork } from './network.js';
import { chaosSchedule, type ChaosEvent } from './schedule.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly lengthMs: number;
  readonly print: (line: Readonly<Record<string, unknown>>) => void;
  /** Aborted: no further events; what happened so far is healed and judged. */
  readonly enough: AbortSignal;
}

export interface ChaosResult {
  /** Empty: all is well. */
  readonly problems: readonly string[];
  readonly kept: string | undefined;
}

const RATE = 30;
const SETTLE_MS = 90_000;
const GONE_MS = 20_000;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const runChaos = async (options: ChaosOptions): Promise<ChaosResult> => {
  const { seed, lengthMs, print } = options;
  const folder = mkdtempSync('/tmp/m-chaos-');
  const host = new Host();
  const events = chaosSchedule(seed, lengthMs, hasOwnNetwork());
  print({
    chaos: 'begin',
    seed,
    lengthMs,
    events: events.length,
    partitions: hasOwnNetwork(),
    home: host.home,
  });
  const port = 18_000 + (process.pid % 900);
  const problems: string[] = [];
  try {
    const up = await host.mitosis('up', '--ha', writeComposition(folder, port));
    if (up.code !== 0) throw new Error(`up failed: ${up.stderr}`);
    await host.converged([LEVEL]);
    problems.push(...(await underLoad(host, port, events, options)));
    problems.push(...(await endAndCheck(host, print)));
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  rmSync(folder, { recursive: true, force: true });
  if (problems.length > 0) {
    await host.end();
    print({ chaos: 'failed', seed, problems, kept: host.home });
    return { problems, kept: host.home };
  }
  await host.dispose();
  print({ chaos: 'passed', seed });
  return { problems, kept: undefined };
};

const underLoad = async (
  host: Host,
  port: number,
  events: readonly ChaosEvent[],
  { print, enough }: ChaosOptions,
): Promise<readonly string[]> => {
  const load = startLoad(`http://127.0.0.1:${port}/`, RATE);
  const faults = new Faults(host);
  try {
    await carryOutAll(faults, events, { print, enough });
    faults.resumeAll();
    const started = performance.now();
    const settled = await host.converged([LEVEL], SETTLE_MS).catch((error: unknown) => String(error));
    print({ chaos: 'settled', afterMs: Math.round(performance.now() - started) });
    const counts = await load.stop();
    print({ chaos: 'load', ...summaryOf(counts) });
    return [...(typeof settled === 'string' ? [settled] : []), ...counts.failures, ...refusals(counts)];
  } finally {
    faults.resumeAll();
    await load.stop();
  }
};

const carryOutAll = async (
  faults: Faults,
  events: readonly ChaosEvent[],
  { print, enough }: Pick<ChaosOptions, 'print' | 'enough'>,
): Promise<void> => {
  let started = performance.now();
  const heals: Promise<void>[] = [];
  for (const event of events) {
    const lateMs = performance.now() - started - event.atMs;
    if (lateMs < 0) await wait(-lateMs);
    // What took long moves the rest: faults must not come in a heap that no schedule shows.
    else started += lateMs;
    if (enough.aborted) break;
    const { heal, ...told } = await attempt(faults, event);
    print({ chaos: 'event', ...event, at: new Date().toISOString(), ...told });
    if (heal !== undefined) heals.push(wait(event.durationMs).then(heal));
  }
  await Promise.all(heals);
};

type Told = Outcome & { readonly heal?: () => void };

/** In the middle of chaos nobody may be there to be asked for a target. */
const attempt = async (faults: Faults, event: ChaosEvent): Promise<Told> => {
  try {
    return await faults.carryOut(event);
  } catch (error) {
    return { kind: 'skipped', why: error instanceof Error ? error.message : String(error) };
  }
};

const refusals = ({ refused }: LoadCounts): readonly string[] =>
  refused === 0 ? [] : [`${refused} connections were refused`];

const summaryOf = ({ sent, ok, refused, resets, failed, latenciesMs }: LoadCounts) => ({
  sent,
  ok,
  refused,
  resets,
  failed,
  maxMs: Math.round(latenciesMs.reduce((a, b) => Math.max(a, b), 0)),
});

const endAndCheck = async (host: Host, print: ChaosOptions['print']): Promise<readonly string[]> => {
  const problems: string[] = [];
  const down = await host.mitosis('down', LEVEL);
  if (down.code !== 0) problems.push(`down failed: ${down.stderr}`);
  await until('no process is left', () => host.processes().length === 0 || undefined, GONE_MS).catch(
    (error: unknown) => problems.push(String(error)),
  );
  const report = checkHistory(readHistory(host.home));
  print({ chaos: 'history', ...report.counts });
  return [...problems, ...judged(report)];
};

const judged = (report: HistoryReport): readonly string[] => {
  const { problems, incomplete, counts } = report;
  if (problems.length > 0 || incomplete.length > 0) return [describeReport(report)];
  // A history without acts proves nothing.
  return counts.actsAccepted > 0 && counts.committed > 0 ? [] : ['the history shows no acts at all'];
};
