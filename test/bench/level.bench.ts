/**
 * How long the shop takes from `mitosis up` to ready, and what an idle level's management costs. One JSON line a figure.
 * Usage: pnpm bench:level [runs]
 */
import { join } from 'node:path';
import { Host, REPOSITORY } from '../level/host.js';
import { cpuSeconds, pssBytes } from '../level/processes.js';

const RUNS = Number(process.argv[2] ?? 5);
const IDLE_SECONDS = Number(process.argv[3] ?? 30);
/** Compiling what has just become hot costs a third of an idle process's time in its first minute. */
const SETTLE_SECONDS = 60;
const LEVELS = ['shop', 'shop.catalog'];

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
const print = (line: Record<string, unknown>): void => console.log(JSON.stringify(line));

const readyMs: number[] = [];
for (let run = 0; run < RUNS; run += 1) {
  const host = new Host({ SHOP_PORT: String(18_500 + run) });
  try {
    const up = await host.mitosis('up', join(REPOSITORY, 'examples/shop/compose.yaml'));
    if (up.code !== 0) throw new Error(up.stderr);
    readyMs.push(up.ms);
    print({ bench: 'up-to-ready', run, ms: Math.round(up.ms) });
    if (run === RUNS - 1) await idle(host);
  } finally {
    await host.dispose();
  }
}
print({
  bench: 'up-to-ready',
  runs: RUNS,
  medianMs: Math.round(median(readyMs)),
  limitMs: 10_000,
  aimMs: 6_000,
});

async function idle(host: Host): Promise<void> {
  await wait(SETTLE_SECONDS);
  const management = host
    .processes()
    .filter((found) => found.instance.startsWith('mitosis-') && found.command.startsWith('/'))
    .filter((found) => !found.command.includes('/sh '));
  const before = new Map(management.map((found) => [found.pid, cpuSeconds(found.pid)]));
  const start = performance.now();
  await wait(IDLE_SECONDS);
  const seconds = (performance.now() - start) / 1_000;
  for (const level of LEVELS) {
    const own = management.filter((found) => found.level === level);
    const cpu = own.map((found) => (cpuSeconds(found.pid) - (before.get(found.pid) ?? 0)) / seconds);
    const pss = own.map((found) => pssBytes(found.pid));
    print({
      bench: 'idle-level',
      level,
      cpuPercent: round(cpu.reduce((a, b) => a + b, 0) * 100),
      pssMiB: round(pss.reduce((a, b) => a + b, 0) / 2 ** 20),
      limits: { cpuPercent: 8, pssMiB: 450 },
      processes: own.map((found, i) => ({
        id: found.instance,
        cpuPercent: round((cpu[i] ?? 0) * 100),
        pssMiB: round((pss[i] ?? 0) / 2 ** 20),
      })),
    });
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
