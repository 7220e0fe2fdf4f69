/**
 * A recording of a live level (`mitosis record`): a line of JSON a second with what its monitor said, and what is learned
 * from it about the components. Service times are taken from calm seconds, as congested ones contain the queue.
 */
import { MitosisError, type TypeGraph } from '@mitosis/contracts';
import { ASSUMED, type ComponentTraits, type Traits } from './traits.js';

export interface RecordedComponent {
  /** Requests per second, in the last second. */
  readonly rate: number;
  readonly meanMs: number;
  readonly p95Ms: number;
  readonly inFlight: number;
  /** null: unknown. */
  readonly cpuCores: number | null;
  readonly memoryBytes: number | null;
  readonly instances: number;
}

export interface RecordedSecond {
  readonly atMs: number;
  readonly components: Readonly<Record<string, RecordedComponent>>;
  /** Start-up times of instances seen to become ready since the last line, in ms. */
  readonly starts: Readonly<Record<string, readonly number[]>>;
}

export interface RecordingHeader {
  readonly recording: 1;
  readonly level: string;
  readonly startedAtMs: number;
}

export interface Recording {
  readonly header: RecordingHeader;
  readonly seconds: readonly RecordedSecond[];
}

const refuse = (file: string, line: number, problem: string): never => {
  throw new MitosisError(
    'invalid_input',
    `${file}:${line}: ${problem}; make one with \`mitosis record --output ${file}\``,
  );
};

const jsonAt = (file: string, line: number, text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return refuse(file, line, 'this is no line of JSON');
  }
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSecond = (value: unknown): value is RecordedSecond =>
  isObject(value) && typeof value.atMs === 'number' && isObject(value.components) && isObject(value.starts);

/** Throws `invalid_input` with file and line. A last line that was cut off is left out. */
export const parseRecording = (file: string, text: string): Recording => {
  const lines = text.split('\n');
  const whole = text.endsWith('\n') ? lines : lines.slice(0, -1);
  const header = jsonAt(file, 1, whole[0] ?? '');
  if (!isObject(header) || header.recording !== 1) return refuse(file, 1, 'this is no recording of a level');
  const seconds = whole.slice(1).flatMap((line, i): readonly RecordedSecond[] => {
    if (line.trim() === '') return [];
    const second = jsonAt(file, i + 2, line);
    return isSecond(second) ? [second] : refuse(file, i + 2, 'this is no second of a recording');
  });
  if (seconds.length === 0) return refuse(file, 2, 'nothing was recorded');
  const { level, startedAtMs } = header;
  return { header: { recording: 1, level: String(level), startedAtMs: Number(startedAtMs) }, seconds };
};

const quantile = (values: readonly number[], q: number): number | null => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
};

/** Fewer requests in a second say nothing about their mean. */
const REQUESTS_MIN = 3;
/** This part of the seconds, those with the least time per request, counts as calm. */
const CALM = 0.25;
const SCV_MAX = 4;
/** Standard normal quantile of 95 %. */
const NORMAL_95 = 1.645;

const sumOf = (seconds: readonly RecordedSecond[], name: string): number =>
  seconds.reduce((sum, { components }) => sum + (components[name]?.rate ?? 0), 0);

/** Calls per request of a caller; a callee with several callers is shared by their rates. */
const visitsFrom = (
  typeGraph: TypeGraph,
  seconds: readonly RecordedSecond[],
  callee: string,
): number | null => {
  const callers = Object.values(typeGraph.components).filter(({ dependsOn }) =>
    dependsOn.some(({ component }) => component === callee),
  );
  const asked = callers.reduce((sum, { name }) => sum + sumOf(seconds, name), 0);
  const seen = sumOf(seconds, callee);
  return asked > 0 && seen > 0 ? seen / asked : null;
};

const ownMs = (
  second: RecordedSecond,
  name: string,
  visits: Readonly<Record<string, number>>,
): number | null => {
  const seen = second.components[name];
  if (seen === undefined || seen.rate < REQUESTS_MIN || seen.meanMs <= 0) return null;
  const below = Object.entries(visits).reduce(
    (sum, [callee, calls]) => sum + calls * (second.components[callee]?.meanMs ?? 0),
    0,
  );
  return Math.max(0.05, seen.meanMs - below);
};

/** Standard deviation of the time in the component itself, in ms: variances add, so those of its calls are taken off. */
const ownSpread = (
  second: RecordedSecond,
  name: string,
  visits: Readonly<Record<string, number>>,
): number => {
  const variance = (component: string): number => {
    const seen = second.components[component];
    return seen === undefined ? 0 : ((seen.p95Ms - seen.meanMs) / NORMAL_95) ** 2;
  };
  const below = Object.entries(visits).reduce((sum, [callee, calls]) => sum + calls * variance(callee), 0);
  return Math.sqrt(Math.max(0, variance(name) - below));
};

const traitsOf = (typeGraph: TypeGraph, { seconds }: Recording, name: string): ComponentTraits => {
  const callees = typeGraph.components[name]?.dependsOn.map(({ component }) => component) ?? [];
  const visits = Object.fromEntries(
    callees.flatMap((callee) => {
      const calls = visitsFrom(typeGraph, seconds, callee);
      return calls === null ? [] : [[callee, calls] as const];
    }),
  );
  const times = seconds.flatMap((second) => ownMs(second, name, visits) ?? []);
  const meanMs = quantile(times, CALM / 2);
  if (meanMs === null) return { ...ASSUMED, visits };
  const calm = quantile(times, CALM) ?? meanMs;
  const quiet = seconds.filter((second) => (ownMs(second, name, visits) ?? Infinity) <= calm);
  const figures = quiet.flatMap(({ components }) => components[name] ?? []);
  const spread = quantile(
    quiet.map((second) => ownSpread(second, name, visits) / meanMs),
    0.5,
  );
  const cpu = quantile(
    figures.flatMap(({ cpuCores, rate }) => (cpuCores === null ? [] : (cpuCores * 1_000) / (rate * meanMs))),
    0.5,
  );
  const all = seconds.flatMap(({ components }) => components[name] ?? []);
  const busiest = all.map(({ rate, instances }) => (rate * meanMs) / 1_000 / Math.max(1, instances));
  const starts = seconds.flatMap((second) => second.starts[name] ?? []);
  return {
    service: { meanMs, scv: Math.min(SCV_MAX, Math.max(0, spread ?? 0.7) ** 2) },
    // What it was seen to bear at once; one instance works on one request at least.
    concurrency: Math.max(1, Math.ceil(quantile(busiest, 1) ?? 1)),
    startMs: quantile(starts, 0.5) ?? ASSUMED.startMs,
    cpuShare: Math.min(1, Math.max(0.01, cpu ?? ASSUMED.cpuShare)),
    memoryBytes:
      quantile(
        all.flatMap(({ memoryBytes }) => memoryBytes ?? []),
        0.5,
      ) ?? ASSUMED.memoryBytes,
    visits,
    measured: true,
  };
};

/** What the recording says of each component of the composition; what it does not say is assumed. */
export const calibrate = (typeGraph: TypeGraph, recording: Recording): Traits =>
  Object.fromEntries(
    Object.keys(typeGraph.components).map((name) => [name, traitsOf(typeGraph, recording, name)]),
  );
