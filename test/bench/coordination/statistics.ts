/** Figures of a benchmark, as JSON lines. */
export const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? NaN;

const round = (value: number): number => Math.round(value * 10) / 10;

export const print = (line: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

export const summary = (values: readonly number[]): Readonly<Record<string, number>> => ({
  events: values.length,
  p50Ms: round(quantile(values, 0.5)),
  p99Ms: round(quantile(values, 0.99)),
  maxMs: round(Math.max(...values)),
});
