/** What people read: how a seed failed and how to have it again, and what a run of many reached. */
import { INVARIANTS } from '../invariants/index.js';
import { FAULT_NAMES } from '../faults/index.js';
import { ALL_PAIRS, EXPECTED_STATES, type CoverageCounts } from './coverage.js';
import type { SeedOutcome } from './run-seed.js';
import { formatSchedule } from './schedule.js';

export interface Replay {
  readonly seconds: number;
  readonly defect?: string | undefined;
}

const command = (
  { seed, schedule }: SeedOutcome,
  { seconds, defect }: Replay,
  withSchedule: boolean,
): string =>
  [
    `pnpm sim --seed ${seed} --seconds ${seconds}`,
    ...(defect === undefined ? [] : [`--defect ${defect}`]),
    ...(withSchedule ? [`--schedule '${formatSchedule(schedule)}'`] : []),
  ].join(' ');

export const describeFailure = (failed: SeedOutcome, short: SeedOutcome, replay: Replay): string => {
  const { violation } = short;
  if (violation === undefined) return '';
  const summary =
    violation.invariant === 'settles'
      ? 'when inputs stop, everything comes in order'
      : INVARIANTS[violation.invariant].summary;
  return [
    `seed ${failed.seed} breaks ${violation.invariant} (${summary})`,
    `  at ${(violation.atMs / 1_000).toFixed(2)} s: ${violation.why}`,
    `  replay:    ${command(failed, replay, false)}`,
    `  shortened: ${command(short, replay, true)}`,
    ...short.trace.slice(-25).map((line) => `    ${line}`),
  ].join('\n');
};

/** What a large run must have reached and has not. */
export const unreached = ({ faults, pairs, states }: CoverageCounts): readonly string[] => [
  ...FAULT_NAMES.filter((name) => (faults[name] ?? 0) === 0).map((name) => `fault ${name}`),
  ...ALL_PAIRS.filter((pair) => (pairs[pair] ?? 0) === 0).map((pair) => `pair ${pair}`),
  ...EXPECTED_STATES.filter((state) => (states[state] ?? 0) === 0).map((state) => `state ${state}`),
];

const columns = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, times]) => `  ${name.padEnd(42)} ${times}`)
    .join('\n');

export const describeCoverage = (counts: CoverageCounts): string => {
  const times = Object.values(counts.pairs).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  return [
    'faults begun:',
    columns(counts.faults),
    'states reached:',
    columns(counts.states),
    `pairs of interleaved faults: ${times.length} of ${ALL_PAIRS.length}, least ${times[0] ?? 0}, median ${median}`,
  ].join('\n');
};
