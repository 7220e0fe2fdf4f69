/**
 * `pnpm chaos:stops [minutes]`: every management process of a level and its agent stopped for half a second in turn, every
 * five seconds, under constant load. A stop shorter than the lease is no death: no leader may change, no session may end,
 * no instance may be replaced, no request may fail. JSON lines; ends with 1 and keeps everything otherwise.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { checkHistory, describeReport, readHistory } from '@mitosis/history';
import { Host } from '../../level/host.js';
import { startLoad } from '../../level/load.js';
import { LEVEL, writeComposition } from './composition.js';

const MINUTES = Number(process.argv[2] ?? 10);
const STOP_MS = 500;
const EVERY_MS = 5_000;
const RATE = 30;

const print = (line: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids) process.kill(pid, name);
};

/** Of the agent and of each management instance; the agent has no instance id. */
const parties = (host: Host): ReadonlyMap<string, readonly number[]> => {
  const found = new Map<string, number[]>();
  for (const { pid, instance, command } of host.processes()) {
    const isAgent = instance === '' && command.includes('agent');
    const name = isAgent ? 'agent' : instance;
    if (!isAgent && !instance.startsWith('mitosis-')) continue;
    found.set(name, [...(found.get(name) ?? []), pid]);
  }
  return found;
};

/** What may not change: who led, and which instances were made. */
const stateOf = (host: Host) => {
  const history = readHistory(host.home);
  const ends = history.flatMap(({ lines }) =>
    lines.flatMap(({ entry }) => (entry.k === 'end' ? [entry] : [])),
  );
  const { counts } = checkHistory(history);
  return { sessions: counts.sessions, created: counts.created, tombstones: counts.tombstones, ends };
};

const folder = mkdtempSync('/tmp/m-stops-');
const host = new Host();
const port = 17_000 + (process.pid % 900);
const problems: string[] = [];
let stops = 0;
try {
  const up = await host.mitosis('up', writeComposition(folder, port));
  if (up.code !== 0) throw new Error(up.stderr);
  await host.converged([LEVEL]);
  const before = stateOf(host);
  const load = startLoad(`http://127.0.0.1:${port}/`, RATE);
  const endMs = performance.now() + MINUTES * 60_000;
  for (let turn = 0; performance.now() < endMs; turn += 1) {
    const all = [...parties(host)].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const [name, pids] = all[turn % all.length] ?? ['', []];
    signal(pids, 'SIGSTOP');
    await wait(STOP_MS);
    signal(pids, 'SIGCONT');
    stops += 1;
    print({ stops: 'stopped', name, ms: STOP_MS });
    await wait(EVERY_MS - STOP_MS);
  }
  const counts = await load.stop();
  const after = stateOf(host);
  const result = {
    minutes: MINUTES,
    stopped: stops,
    leaderChanges: after.sessions - before.sessions,
    sessionsEnded: after.ends.length - before.ends.length,
    instancesMade: after.created - before.created,
    instancesStopped: after.tombstones - before.tombstones,
    requests: counts.sent,
    failed: counts.failed,
    refused: counts.refused,
  };
  print({ stops: 'result', ...result });
  for (const key of [
    'leaderChanges',
    'sessionsEnded',
    'instancesMade',
    'instancesStopped',
    'failed',
  ] as const)
    if (result[key] !== 0) problems.push(`${key}: ${result[key]}`);
  problems.push(...after.ends.map(({ fn, replica, reason }) => `${replica} ended leading ${fn}: ${reason}`));
  problems.push(...counts.failures);
  const report = checkHistory(readHistory(host.home));
  if (report.problems.length > 0) problems.push(describeReport(report));
} catch (error) {
  problems.push(error instanceof Error ? error.message : String(error));
}
rmSync(folder, { recursive: true, force: true });
if (problems.length === 0) await host.dispose();
else {
  await host.end();
  process.stderr.write(`${problems.join('\n')}\nkept: ${host.home}\n`);
}
process.exit(problems.length === 0 ? 0 : 1);
