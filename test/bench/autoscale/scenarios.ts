/** What the autoscaling benchmark plays: the traces, scaled to one size, and the policies with the knobs that are swept. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cutTrace,
  parseTrace,
  rateQuantile,
  scaleTrace,
  traceSeconds,
  type Trace,
} from '@mitosis/simulation/workload';

/** One of the traces; a piece of it is a cell's load, another one for each seed. */
export interface TraceFile {
  readonly file: string;
  /** Seconds left out at the beginning. */
  readonly fromS: number;
}

export const TRACES = {
  worldcup: { file: 'worldcup98_14d_from_1998-06-22_per_minute.csv', fromS: 0 },
  // An outage of the server ends at minute 3156, and the day after it is hardly used.
  nasa: { file: 'nasa_http_1995-08_per_minute.csv', fromS: 4_320 * 60 },
  azure: { file: 'azure_llm_2023_code_per_second.csv', fromS: 0 },
  nab: { file: 'nab_elb_8c0756_per_5min.csv', fromS: 0 },
  alibaba: { file: 'alibaba_ms_2021_6d9c26b9_per_minute.csv', fromS: 0 },
} as const satisfies Readonly<Record<string, TraceFile>>;

export type TraceName = keyof typeof TRACES | 'step' | 'sawtooth';

/** The 99.95th percentile of the load keeps this many instances of the first tier busy. */
export const PEAK_ERLANG = 40;
const GOLDEN = 0.618034;
export const FIRST_SERVICE_S = 0.05;

const generated: Readonly<Record<'step' | 'sawtooth', (second: number) => number>> = {
  step: (second) => (Math.floor(second / 1_200) % 2 === 0 ? 0.2 : 1),
  sawtooth: (second) => 0.1 + (0.9 * (second % 900)) / 900,
};

const sizedTo = (trace: Trace, peak: number, concurrency: number): Trace =>
  scaleTrace(trace, (PEAK_ERLANG * concurrency) / FIRST_SERVICE_S / peak);

const generate = (name: 'step' | 'sawtooth'): Trace => ({
  name,
  binS: 1,
  rates: Float64Array.from({ length: 7_200 }, (_, second) => generated[name](second)),
});

const loaded = new Map<string, Trace>();

const read = (folder: string, { file, fromS }: TraceFile): Trace => {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  const whole = parseTrace(file, readFileSync(join(folder, file), 'utf8'));
  const trace = cutTrace(whole, fromS, traceSeconds(whole));
  loaded.set(file, trace);
  return trace;
};

export interface Piece {
  readonly trace: TraceName;
  readonly seed: number;
  readonly concurrency: number;
  /** Of a longer trace each seed gets another piece of this length. */
  readonly hours: number;
}

/** The load of one seed, in requests per second at the entry; all seeds of a trace are scaled alike. */
export const loadOf = (folder: string, { trace: name, seed, concurrency, hours }: Piece): Trace => {
  if (name === 'step' || name === 'sawtooth') return sizedTo(generate(name), 1, concurrency);
  const whole = read(folder, TRACES[name]);
  const pieceS = Math.min(3_600 * hours, traceSeconds(whole));
  const room = traceSeconds(whole) - pieceS;
  // The golden ratio spreads any number of pieces evenly, over days and over the hours of the day.
  const fromS = room * ((seed * GOLDEN) % 1);
  return sizedTo(cutTrace(whole, fromS, pieceS), rateQuantile(whole, 0.9995), concurrency);
};
