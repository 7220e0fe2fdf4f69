/**
 * Leader processes of a real level killed while work is pending: from the kill to the first act of the successor that the
 * work needs and an agent accepts (health), or to its first needed write (autoscaler, placer). Half of the events kill an
 * instance with the leader; the other half leave an override that the dead leader had just committed. JSON lines.
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
    if (event % 2 === 0) await killWithInstance(view, tail);
    else await killAfterOverride(view, tail, store, 1 + (Math.floor(event / 2) % 2 === 0 ? 1 : 0));
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

async function killWithInstance(view: LevelView, tail: HistoryTail): Promise<void> {
  const leader = leaderOf(view);
  const pids = [...pidsOf(victimOf(view) ?? ''), ...pidsOf(leader.replica)];
  pids.forEach(kill);
  const killedMs = machineMs();
  const act = await tail.first('start', (entry) => isAct(entry, leader.revision, 'start'), BOUND_MS);
  const session = await tail.first('session', (entry) => isBegin(entry, leader.revision), BOUND_MS);
  note('health: session after kill', session.t - killedMs);
  note('health: replacement of a killed instance accepted', act.t - killedMs);
}

async function killAfterOverride(
  view: LevelView,
  tail: HistoryTail,
  store: EtcdStore,
  count: number,
): Promise<void> {
  const leader = leaderOf(view);
  const record: OverrideRecord = {
    v: 1,
    component: componentName('d'),
    count,
    expiresAtMs: 0,
    reason: 'bench',
  };
  const pids = pidsOf(leader.replica);
  pids.forEach((pid) => process.kill(pid, 'SIGSTOP'));
  await store.txn([], [{ kind: 'put', key: KEYS.override('d'), value: JSON.stringify(record) }]);
  pids.forEach(kill);
  const killedMs = machineMs();
  const target = await written(tail, leader.revision, KEYS.target('d'));
  const place = await written(tail, leader.revision, KEYS.placement('d'));
  note('autoscaler: target written', target.t - killedMs);
  note('placer: placement written', place.t - killedMs);
  if (count === 1) return;
  const act = await tail.first('start', (entry) => isAct(entry, leader.revision, 'start'), BOUND_MS);
  note('health: start after an override, through three functions', act.t - killedMs);
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
