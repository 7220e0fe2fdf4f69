/**
 * Sizes and times of the level of deploy/compose: the image, from `docker-compose up` to ready, memory and processor of
 * each service while it manages an application without load. One JSON line a figure; writes the table of
 * deploy/README.md between its marks.
 * Usage: pnpm deploy:measure [idle seconds]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTION_NAMES } from '@mitosis/contracts';
import { ComposeLevel } from '../compose/compose-level.js';
import { ManagedShop } from '../compose/managed-shop.js';
import { whole } from '../compose/trial.js';
import { REPOSITORY } from '../level/host.js';
import { cpuSeconds, pssBytes } from '../level/processes.js';

const PAGE = join(REPOSITORY, 'deploy/README.md');
const [BEGIN, END] = ['<!-- figures: begin -->', '<!-- figures: end -->'] as const;
const IDLE_SECONDS = Number(process.argv[2] ?? 30);
/** Compiling what has just become hot is a third of an idle process's time at first. */
const SETTLE_SECONDS = 30;
const MIB = 1024 * 1024;

interface Sizes {
  readonly imageMiB: number;
  /** Of which the base: this machine's Node and plain tools. */
  readonly baseMiB: number;
}

interface Start {
  /** `docker-compose up --detach` itself. */
  readonly composeMs: number;
  /** From its beginning to the last service's /readyz. */
  readonly readyMs: number;
  /** From the composition being put in force to the level saying that all of it is served. */
  readonly servedMs: number;
}

interface Usage {
  readonly service: string;
  readonly containers: number;
  /** Of one container, proportional set size, mean. */
  readonly memoryMiB: number;
  /** Of one container, per cent of one processor, mean. */
  readonly cpuPercent: number;
}

const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
const print = (figure: string, values: object): void =>
  console.log(JSON.stringify({ bench: 'deploy', figure, ...values }));
const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

const sizesOf = async (level: ComposeLevel): Promise<Sizes> => {
  const bytes = async (name: string): Promise<number> =>
    Number(await level.engine.must('image', 'inspect', '--format', '{{.Size}}', name));
  return {
    imageMiB: round((await bytes(level.image)) / MIB),
    baseMiB: round((await bytes(level.base)) / MIB),
  };
};

const startOf = async (level: ComposeLevel, shop: ManagedShop): Promise<Start> => {
  await shop.build();
  const begun = performance.now();
  await level.up();
  const composeMs = performance.now() - begun;
  await level.ready();
  const readyMs = performance.now() - begun;
  const applied = performance.now();
  await shop.apply();
  await shop.ready();
  return {
    composeMs: Math.round(composeMs),
    readyMs: Math.round(readyMs),
    servedMs: Math.round(performance.now() - applied),
  };
};

const usageOf = async (level: ComposeLevel): Promise<readonly Usage[]> => {
  await wait(SETTLE_SECONDS);
  const pids = new Map<string, number>();
  for (const name of level.services) {
    const pid = await level.engine.must('inspect', '--format', '{{.State.Pid}}', level.container(name));
    // What has done its work at the start and ended costs nothing.
    if (Number(pid) > 0) pids.set(name, Number(pid));
  }
  const before = new Map([...pids].map(([name, pid]) => [name, cpuSeconds(pid)]));
  const begun = performance.now();
  await wait(IDLE_SECONDS);
  const seconds = (performance.now() - begun) / 1_000;
  const each = [...pids].map(([name, pid]) => ({
    name,
    cpu: (cpuSeconds(pid) - (before.get(name) ?? 0)) / seconds,
    memory: pssBytes(pid) / MIB,
  }));
  return [...FUNCTION_NAMES, 'agent', 'etcd', 'certificates'].map((service) => {
    const own = each.filter(({ name }) => name === service || name.startsWith(`${service}-`));
    const mean = (value: (one: (typeof own)[number]) => number): number =>
      own.reduce((sum, one) => sum + value(one), 0) / own.length;
    return {
      service,
      containers: own.length,
      memoryMiB: round(mean(({ memory }) => memory)),
      cpuPercent: round(mean(({ cpu }) => cpu) * 100),
    };
  });
};

const tableOf = (sizes: Sizes, start: Start, usage: readonly Usage[]): string => {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const total = (value: (one: Usage) => number): string =>
    usage.reduce((sum, one) => sum + value(one) * one.containers, 0).toFixed(0);
  return [
    '| | |',
    '| --- | --- |',
    `| image, without its base | ${(sizes.imageMiB - sizes.baseMiB).toFixed(1)} MiB |`,
    `| \`docker-compose up --detach\` | ${seconds(start.composeMs)} |`,
    `| from there to every service ready (3 etcd, agent, certificates, 6 × 2) | ${seconds(start.readyMs)} |`,
    `| from \`mitosis apply\` to the application being served (4 containers) | ${seconds(start.servedMs)} |`,
    '',
    '| service | containers | memory of each (PSS) | idle processor of each |',
    '| --- | --- | --- | --- |',
    ...usage.map(
      ({ service, containers, memoryMiB, cpuPercent }) =>
        `| ${service} | ${containers} | ${memoryMiB.toFixed(1)} MiB | ${cpuPercent.toFixed(1)} % |`,
    ),
    `| all | ${usage.reduce((sum, { containers }) => sum + containers, 0)} | ${total((one) => one.memoryMiB)} MiB together | ${total((one) => one.cpuPercent)} % together |`,
  ].join('\n');
};

const writeTable = (table: string): void => {
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${PAGE}: ${BEGIN} … ${END} is missing: put the marks back`);
  writeFileSync(PAGE, `${page.slice(0, from + BEGIN.length)}\n\n${table}\n\n${page.slice(to)}`);
};

const level = await ComposeLevel.prepare();
try {
  const shop = new ManagedShop(level);
  const sizes = await sizesOf(level);
  print('image', sizes);
  const start = await startOf(level, shop);
  print('start', start);
  await whole(level, shop);
  const usage = await usageOf(level);
  for (const one of usage) print('usage', { ...one, idleSeconds: IDLE_SECONDS });
  const table = tableOf(sizes, start, usage);
  writeTable(table);
  process.stderr.write(`\n${table}\n`);
  await level.must('down', 'shop', '--volumes');
  await level.down();
} finally {
  await level.stop();
}
