/**
 * A load trace: requests per bin of equal length, read from CSV. Must never guess: a file that is not understood in whole
 * is refused with the line at fault, since a silently dropped line would be a load that nobody had.
 */
import { MitosisError } from '@mitosis/contracts';

export interface Trace {
  readonly name: string;
  /** Length of a bin in seconds. */
  readonly binS: number;
  /** Requests per second in each bin. */
  readonly rates: Float64Array;
}

const UNITS: Readonly<Record<string, number>> = {
  second: 1,
  seconds: 1,
  minute: 60,
  minutes: 60,
  hour: 3_600,
};
/** A year of seconds. */
const BINS_MAX = 32_000_000;
const DECIMAL = /^\+?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;
const HEADER_EXAMPLE = 'write a first line such as "minute,requests"';

const fail = (file: string, line: number, problem: string, remedy: string): never => {
  throw new MitosisError('invalid_input', `${file}:${line}: ${problem}; ${remedy}`);
};

const numberAt = (file: string, line: number, text: string, what: string): number => {
  const value = DECIMAL.test(text.trim()) ? Number(text) : Number.NaN;
  return Number.isFinite(value)
    ? value
    : fail(file, line, `"${text.trim()}" is no ${what}`, 'write a number of 0 or more');
};

interface Row {
  readonly line: number;
  readonly index: number;
  readonly requests: number;
}

/** Sums of decimal fractions are rarely exact. */
const isWhole = (value: number): boolean =>
  Math.abs(value - Math.round(value)) < 1e-6 * Math.max(1, value) && (value === 0 || Math.round(value) > 0);

/** Bins are as long as the least distance of two neighbours; missing ones in between take the rate before them. */
const binsOf = (file: string, rows: readonly Row[], unitS: number): Trace => {
  let step = Infinity;
  rows.slice(1).forEach((row, i) => {
    const gap = row.index - (rows[i]?.index ?? 0);
    if (gap <= 0)
      fail(file, row.line, `${row.index} does not come after ${rows[i]?.index}`, 'sort the lines by time');
    step = Math.min(step, gap);
  });
  const first = rows[0];
  const last = rows.at(-1);
  if (first === undefined || last === undefined)
    return fail(file, 2, 'there is no data', 'add a line per bin');
  const width = Number.isFinite(step) ? step : 1;
  if (!isWhole(width * unitS))
    return fail(
      file,
      last.line,
      `the bins are ${width * unitS} s long`,
      'make them whole seconds, at least one',
    );
  const count = Math.round((last.index - first.index) / width) + 1;
  if (count > BINS_MAX)
    fail(file, last.line, `${count} bins are too many`, `a trace has at most ${BINS_MAX}`);
  const rates = new Float64Array(count).fill(-1);
  for (const { index, requests, line } of rows) {
    const bin = (index - first.index) / width;
    if (!isWhole(bin))
      fail(
        file,
        line,
        `${index} is no multiple of ${width} after ${first.index}, the least distance of two lines`,
        'make all bins equally long',
      );
    rates[Math.round(bin)] = requests / (width * unitS);
  }
  for (let i = 1; i < count; i += 1) if ((rates[i] ?? 0) < 0) rates[i] = rates[i - 1] ?? 0;
  return { name: file, binS: Math.round(width * unitS), rates };
};

/**
 * Reads `minute,requests` or `second,requests` (any further columns are left alone); the index may start anywhere and
 * may have gaps. Throws `invalid_input` naming file, line, problem and remedy.
 */
export const parseTrace = (file: string, text: string): Trace => {
  if (text.trim() === '') return fail(file, 1, 'the file is empty', HEADER_EXAMPLE);
  const lines = text.split(/\r?\n/);
  const header = (lines[0] ?? '')
    .replace(/^\uFEFF/, '')
    .split(',')
    .map((cell) => cell.trim().toLowerCase());
  const unitS = Object.hasOwn(UNITS, header[0] ?? '') ? UNITS[header[0] ?? ''] : undefined;
  if (unitS === undefined) {
    return fail(
      file,
      1,
      `the first column is "${header[0] ?? ''}" and not second, minute or hour`,
      HEADER_EXAMPLE,
    );
  }
  const column = header.indexOf('requests');
  if (column < 1) return fail(file, 1, 'there is no column "requests"', HEADER_EXAMPLE);
  const rows = lines.slice(1).flatMap((text, i): readonly Row[] => {
    if (text.trim() === '') return [];
    const line = i + 2;
    const cells = text.split(',');
    if (cells.length <= column) {
      return fail(
        file,
        line,
        `it has ${cells.length} cells, the header ${header.length}`,
        'fill in or remove it',
      );
    }
    return [
      {
        line,
        index: numberAt(file, line, cells[0] ?? '', header[0] ?? 'time'),
        requests: numberAt(file, line, cells[column] ?? '', 'number of requests'),
      },
    ];
  });
  return binsOf(file, rows, unitS);
};

/** The bins from `fromS` on for `seconds`; shorter where the trace ends. */
export const cutTrace = (trace: Trace, fromS: number, seconds: number): Trace => {
  const from = Math.floor(fromS / trace.binS);
  return { ...trace, rates: trace.rates.slice(from, from + Math.ceil(seconds / trace.binS)) };
};

/** The rate that a share `q` of the bins does not pass. */
export const rateQuantile = (trace: Trace, q: number): number => {
  const sorted = Float64Array.from(trace.rates).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? 0;
};

export const scaleTrace = (trace: Trace, factor: number): Trace => ({
  ...trace,
  rates: trace.rates.map((rate) => rate * factor),
});

export const traceSeconds = (trace: Trace): number => trace.rates.length * trace.binS;
