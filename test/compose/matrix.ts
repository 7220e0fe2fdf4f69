/**
 * `pnpm compose:matrix`: every service and etcd member under every fault, under load, on the level of deploy/compose. A
 * JSON line a cell, a table in the end, exit code 1 when a cell fails. Outside of the tests: it takes minutes.
 */
import { parseArgs } from 'node:util';
import type { LoadCounts } from '../level/load.js';
import { until } from '../level/until.js';
import { ComposeLevel } from './compose-level.js';
import { FAULTS, type Fault } from './faults.js';
import { ManagedShop } from './managed-shop.js';
import { tryFault, VICTIMS, whole, type Trial, type TrialResult, type Victim } from './trial.js';

const USAGE = `usage: pnpm compose:matrix [--seed N] [--services a,b] [--faults ${FAULTS.join(',')}]
  --seed      order of the cells (default 1)
  --services  out of ${VICTIMS.join(', ')} (default: all)
  --faults    out of ${FAULTS.join(', ')} (default: all)
`;
const RATE = 20;
const BOUND_MS = 90_000;

interface Cell extends Trial, Partial<TrialResult> {
  readonly requests: number;
  /** Connections refused, and broken, at the first try. */
  readonly refused: number;
  readonly resets: number;
  /** Requests that failed also at the retry. */
  readonly failed: number;
  readonly longestMs: number;
  /** Empty: the cell holds. */
  readonly error: string;
}

const chosen = <T extends string>(
  option: string,
  text: string | undefined,
  all: readonly T[],
): readonly T[] => {
  const names = text === undefined ? all : text.split(',');
  return names.map((name) => {
    const known = all.find((one) => one === name);
    if (known === undefined) throw new Error(`--${option}: there is no ${name}; out of ${all.join(', ')}`);
    return known;
  });
};

interface Plan {
  readonly seed: number;
  readonly trials: readonly Trial[];
}

const planOf = (args: readonly string[]): Plan => {
  const options = {
    seed: { type: 'string' },
    services: { type: 'string' },
    faults: { type: 'string' },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const seed = Number(values.seed ?? '1');
  if (!Number.isInteger(seed)) throw new Error(`--seed: ${values.seed} is no whole number`);
  const faults = chosen<Fault>('faults', values.faults, FAULTS);
  const cells = chosen<Victim>('services', values.services, VICTIMS).flatMap((victim) =>
    faults.map((fault): Trial => ({ victim, fault })),
  );
  return { seed, trials: shuffled(cells, seed) };
};

/** Fisher–Yates with a linear congruential generator (Numerical Recipes). */
const shuffled = <T>(given: readonly T[], seed: number): readonly T[] => {
  const list = [...given];
  let state = seed >>> 0;
  for (let i = list.length - 1; i > 0; i -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
};

const runCell = async (level: ComposeLevel, shop: ManagedShop, trial: Trial): Promise<Cell> => {
  const load = shop.load(RATE);
  try {
    await until('the load runs', () => load.counts.ok > RATE / 2 || undefined, BOUND_MS);
    const result = await tryFault(level, shop, trial);
    return cellOf(trial, await load.stop(), '', result);
  } catch (error) {
    return cellOf(trial, await load.stop(), error instanceof Error ? error.message : String(error));
  }
};

const cellOf = (trial: Trial, counts: LoadCounts, error: string, result?: TrialResult): Cell => ({
  ...trial,
  ...(result === undefined
    ? {}
    : {
        container: result.container,
        takenOverMs: Math.round(result.takenOverMs),
        wholeMs: Math.round(result.wholeMs),
      }),
  requests: counts.sent,
  refused: counts.refused,
  resets: counts.resets,
  failed: counts.failed,
  longestMs: Math.round(counts.latenciesMs.reduce((longest, ms) => Math.max(longest, ms), 0)),
  error: error || (counts.failed > 0 ? counts.failures.join('; ') : ''),
});

const table = (cells: readonly Cell[]): string => {
  const order = (cell: Cell): number =>
    VICTIMS.indexOf(cell.victim) * FAULTS.length + FAULTS.indexOf(cell.fault);
  const seconds = (ms: number | undefined): string => (ms === undefined ? '' : (ms / 1_000).toFixed(1));
  const rows = cells
    .toSorted((a, b) => order(a) - order(b))
    .map((cell) =>
      [
        cell.victim,
        cell.fault,
        seconds(cell.takenOverMs),
        seconds(cell.wholeMs),
        cell.requests,
        cell.refused + cell.resets,
        cell.failed,
        seconds(cell.longestMs),
        cell.error === '' ? 'holds' : 'FAILS',
      ].join(' | '),
    );
  const head =
    'service | fault | taken over, s | whole again, s | requests | retried | failed | longest, s | verdict';
  return [head, head.replaceAll(/[^|]+/g, ' --- ').trim(), ...rows].map((row) => `| ${row} |`).join('\n');
};

const leftovers = async (level: ComposeLevel): Promise<readonly string[]> => {
  await level.must('down', 'shop', '--volumes');
  await level.down();
  const networks = await level.engine.must('network', 'ls', '--quiet', '--filter', 'type=custom');
  const volumes = await level.engine.must('volume', 'ls', '--quiet');
  return [...(await level.engine.containers()), ...`${networks}\n${volumes}`.split('\n')].filter(
    (one) => one !== '',
  );
};

const main = async ({ seed, trials }: Plan): Promise<number> => {
  const level = await ComposeLevel.prepare();
  try {
    const shop = new ManagedShop(level);
    await level.up();
    await level.ready();
    await shop.build();
    await shop.apply();
    await whole(level, shop);
    const cells: Cell[] = [];
    for (const trial of trials) {
      const cell = await runCell(level, shop, trial);
      process.stdout.write(`${JSON.stringify({ seed, ...cell })}\n`);
      if (cell.error !== '') process.stderr.write(await level.account());
      cells.push(cell);
    }
    const left = await leftovers(level);
    const failed = cells.filter(({ error }) => error !== '').length;
    process.stderr.write(`\n${table(cells)}\n\n${cells.length - failed} of ${cells.length} cells hold; `);
    process.stderr.write(left.length === 0 ? 'nothing is left\n' : `left behind: ${left.join(' ')}\n`);
    return failed === 0 && left.length === 0 ? 0 : 1;
  } finally {
    await level.stop();
  }
};

let plan: Plan | undefined;
try {
  plan = planOf(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
if (plan !== undefined) process.exitCode = await main(plan);
