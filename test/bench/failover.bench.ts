/**
 * Leader processes of a real level killed while work is pending for all that decide: an instance ended, a count changed by
 * hand, an override of nothing. From the kill to the first act of the successor that an agent accepts (health), and to the
 * first write that is needed and committed (composer, autoscaler, and the placer, which waits for the autoscaler's).
 * The monitor writes nothing; a router's leader only where there are child levels. JSON lines.
 * Usage: pnpm bench:failover [events]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { componentName, KEYS, levelId, levelPrefix, type OverrideRecord } from '@mitosis/contracts';
import { EtcdStore } from '@mitosis/coordination';
import { checkHistory, describeReport, readHistory, type Stamped } from '@mitosis/history';
import { Host, type LevelView } from '../level/host.js';
import { until } from '../level/until.js';
import { print, summary } from './coordination/statistics.js';
import { HistoryTail } from './failover/history-tail.js';

const EVENTS = Number(process.argv[2] ?? 100);
const LEVEL = 'failover';
const COMPONENTS = ['a', 'b', 'c'] as const;
/** Not in the composition: the composer takes its override away. */
const UNKNOWN = 'nothing';
/** Its place must count as healthy before, or the back-off of failures in a row is measured. */
const HEALTHY_MS = 10_500;
const BOUND_MS = 20_000;
const SERVER = `import http from 'node:http';
http.createServer((_, response) => response.end('ok')).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
`;

const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Its shim's end took it along.
  }
};

const folder = mkdtempSync('/tmp/m-failover-');
const host = new Host();
const figures = new Map<string, number[]>();
const note = (name: string, ms: number): void => {
  figures.set(name, [...(figures.get(name) ?? []), ms]);
};

try {
  writeFileSync(join(folder, 'server.mjs'), SERVER);
  const service = (name: string, replicas: number): string =>
    `  ${name}:\n    command: ["node", "server.mjs"]\n    expose: ["80"]\n    deploy: { replicas: ${replicas} }\n`;
  const services = [...COMPONENTS.map((name) => service(name, 3)), service('d', 1)].join('');
  writeFileSync(join(folder, 'compose.yaml'), `name: ${LEVEL}\nservices:\n${services}`);
  const up = await host.mitosis('up', join(folder, 'compose.yaml'));
  if (up.code !== 0) throw new Error(up.stderr);
  const tail = new HistoryTail(host.home);
  const store = new EtcdStore({ endpoints: [etcdUrl()], prefix: levelPrefix(levelId(LEVEL)) });
  for (let event = 0; event < EVENTS; event += 1) {
    const view = await readyForNext();
    tail.forget();
    await killWhileWorkIsPending(view, tail, store, event % 2 === 0 ? 2 : 1);
  }
  await store.close();
  const { problems, counts } = checkHistory(readHistory(host.home));
  if (problems.length > 0) process.stderr.write(`${describeReport(checkHistory(readHistory(host.home)))}\n`);
  for (const [name, values] of figures)
    print({ bench: 'failover', event: name, ...summary(values), limits: { p50Ms: 100, p99Ms: 300 } });
  print({ bench: 'failover', overlaps: problems.length, takeovers: counts.takeovers });
} finally {
  await host.dispose();
  rmSync(folder, { recursive: true, force: true });
}

/** Both managers are there, the follower is warm, and an instance has been healthy for long enough. */
async function readyForNext(): Promise<LevelView> {
  return until(
    'a level that is ready for the next event',
    async () => {
      const [view] = await host.converged([LEVEL]);
      const managers = view?.directory.members.filter(({ functions }) => functions.includes('health'));
      return managers?.length === 2 && victimOf(view!) !== undefined ? view : undefined;
    },
    60_000,
    100,
  );
}

function victimOf(view: LevelView): string | undefined {
  const now = Date.now();
  return view.graph.instances
    .filter(({ component }) => (COMPONENTS as readonly string[]).includes(component))
    .filter(({ phase, sinceMs }) => phase === 'ready' && now - sinceMs > HEALTHY_MS)
    .toSorted((a, b) => a.sinceMs - b.sinceMs)[0]?.id;
}

function leaderOf(view: LevelView): { readonly replica: string; readonly revision: number } {
  const leader = view.directory.leaders.find((one) => one.function === 'health');
  if (leader === undefined) throw new Error('health has no leader');
  return { replica: leader.replica, revision: leader.epoch?.revision ?? 0 };
}

function pidsOf(id: string): readonly number[] {
  return host
    .processes()
    .filter(({ instance }) => instance === id)
    .map(({ pid }) => pid);
}

/** The leader stops before it can act on what comes; then everything is due at once, and it is killed. */
async function killWhileWorkIsPending(
  view: LevelView,
  tail: HistoryTail,
  store: EtcdStore,
  count: number,
): Promise<void> {
  const leader = leaderOf(view);
  const pids = pidsOf(leader.replica);
  pids.forEach((pid) => process.kill(pid, 'SIGSTOP'));
  const overrides = [override('d', count), override(UNKNOWN, 1)];
  await store.txn(
    [],
    overrides.map((record) => ({
      kind: 'put',
      key: KEYS.override(record.component),
      value: JSON.stringify(record),
    })),
  );
  pidsOf(victimOf(view) ?? '').forEach(kill);
  pids.forEach(kill);
  const killedMs = machineMs();
  const since = async (name: string, entry: Promise<Stamped>): Promise<void> =>
    note(name, (await entry).t - killedMs);
  const after = leader.revision;
  await Promise.all([
    since(
      'health: session',
      tail.first('session', (entry) => isBegin(entry, after), BOUND_MS),
    ),
    since('health: start of a replacement accepted', started(tail, after, ...COMPONENTS)),
    since('composer: override of no component removed', written(tail, after, KEYS.override(UNKNOWN))),
    since('autoscaler: target written', written(tail, after, KEYS.target('d'))),
    since('placer: placement written, after the target', written(tail, after, KEYS.placement('d'))),
    ...(count === 1
      ? []
      : [since('health: start accepted, after target and placement', started(tail, after, 'd'))]),
  ]);
}

function override(component: string, count: number): OverrideRecord {
  return { v: 1, component: componentName(component), count, expiresAtMs: 0, reason: 'bench' };
}

function started(tail: HistoryTail, after: number, ...components: readonly string[]): Promise<Stamped> {
  return tail.first(
    `start of ${components.join(' or ')}`,
    (entry) =>
      isAct(entry, after, 'start') &&
      entry.k === 'act' &&
      components.some((component) => entry.id.startsWith(`${component}-`)),
    BOUND_MS,
  );
}

function isAct(entry: Stamped, after: number, verb: string): boolean {
  return (
    entry.k === 'act' && entry.verdict === 'accepted' && entry.verb === verb && entry.epoch.revision > after
  );
}

function isBegin(entry: Stamped, after: number): boolean {
  return entry.k === 'begin' && entry.fn === 'health' && entry.epoch.revision > after;
}

/** The first commit of a newer epoch that writes the key, at the moment its success was known. */
async function written(tail: HistoryTail, after: number, key: string): Promise<Stamped> {
  const commit = await tail.first(
    key,
    (entry) => entry.k === 'commit' && entry.keys.includes(key) && entry.epoch.revision > after,
    BOUND_MS,
  );
  return tail.first(
    `outcome of ${key}`,
    (entry) =>
      entry.k === 'outcome' &&
      commit.k === 'commit' &&
      entry.outcome === 'committed' &&
      entry.fn === commit.fn &&
      entry.n === commit.n &&
      entry.epoch.revision === commit.epoch.revision,
    BOUND_MS,
  );
}

function etcdUrl(): string {
  const etcd = host.processes().find(({ command }) => command.includes('--listen-client-urls='));
  const url = /--listen-client-urls=(\S+)/.exec(etcd?.command ?? '')?.[1];
  if (url === undefined) throw new Error('no etcd member runs');
  return url;
}
