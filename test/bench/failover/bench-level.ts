/**
 * A real level to break: three managers, some small components whose instances can be killed, one whose count can be
 * changed, and work for every function that decides, made in one moment.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  componentName,
  instanceId,
  KEYS,
  levelId,
  levelPrefix,
  type ControlMode,
  type ControlRecord,
  type FunctionName,
  type MemberRecord,
  type OverrideRecord,
} from '@mitosis/contracts';
import { EtcdStore } from '@mitosis/coordination';
import { Host, type LevelView } from '../../level/host.js';
import { until } from '../../level/until.js';
import { HistoryTail } from './history-tail.js';

const LEVEL = 'failover';
/** Theirs are killed. */
export const COMPONENTS = ['a', 'b', 'c'] as const;
/** Its count is changed by hand. */
export const SCALED = 'd';
/** Not in the composition: the composer takes its override away. */
export const UNKNOWN = 'nothing';
const REPLICAS = 4;
const MANAGERS = 3;
/** What fails sooner after its start than 10 s is started again later: the back-off would be measured. */
const HEALTHY_MS = 11_500;
const READY_MS = 60_000;
const SERVER = `import http from 'node:http';
http.createServer((_, response) => response.end('ok')).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
`;

export interface Leader {
  readonly replica: string;
  /** Of its epoch. */
  readonly revision: number;
  readonly pids: readonly number[];
  /** Where it serves gRPC. */
  readonly address: string;
}

/** A moment in which the next event may come: nothing is under way, everybody is warm. */
export interface Moment {
  readonly leader: Leader;
  /** Instances that may be killed, the longest healthy first. */
  readonly victims: readonly string[];
}

export class BenchLevel {
  private readonly folder = mkdtempSync('/tmp/m-failover-');
  private opened: EtcdStore | undefined;

  private constructor(
    readonly host: Host,
    readonly tail: HistoryTail,
  ) {}

  static async up(): Promise<BenchLevel> {
    const host = new Host();
    const level = new BenchLevel(host, new HistoryTail(host.home));
    try {
      const up = await host.mitosis('up', level.writeComposition());
      if (up.code !== 0) throw new Error(up.stderr);
      await host.converged([LEVEL]);
      return level;
    } catch (error) {
      await level.dispose();
      throw error;
    }
  }

  /** The level's own store, as its functions see it. */
  get store(): EtcdStore {
    return (this.opened ??= new EtcdStore({
      endpoints: [this.etcdUrl()],
      prefix: levelPrefix(levelId(LEVEL)),
    }));
  }

  async dispose(): Promise<void> {
    await this.opened?.close();
    await this.host.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** `settled`: the leader has led, and its process has run, for so long that its restart is not held back. */
  nextMoment(settled: boolean): Promise<Moment> {
    return until(
      'a level that is ready for the next event',
      async () => {
        const [view] = await this.host.converged([LEVEL]);
        const leader = view === undefined ? undefined : this.leaderOf(view);
        const candidates = (await this.store.list('election/health/')).entries.length;
        if (view === undefined || leader === undefined || candidates !== MANAGERS) return undefined;
        if (settled && (await this.ageMs(leader)) < HEALTHY_MS) return undefined;
        const victims = victimsOf(view);
        return victims.length > 1 ? { leader, victims } : undefined;
      },
      READY_MS,
      50,
    );
  }

  /** A count changed by hand and an override of what does not exist, as `mitosis scale` writes them. */
  async override(count: number): Promise<void> {
    const records = [overrideOf(SCALED, count), overrideOf(UNKNOWN, 1)];
    await this.store.txn(
      [],
      records.map((record) => ({
        kind: 'put',
        key: KEYS.override(record.component),
        value: JSON.stringify(record),
      })),
    );
  }

  /** As `mitosis pause` and `mitosis resume` write it. */
  async control(fn: FunctionName, mode: ControlMode): Promise<void> {
    const record: ControlRecord = { v: 1, mode, atMs: Date.now() };
    await this.store.txn([], [{ kind: 'put', key: KEYS.control(fn), value: JSON.stringify(record) }]);
  }

  /** As an application fails: the process itself, not what watches over it. */
  killInstance(id: string): void {
    const own = this.host
      .processes()
      .filter(({ instance, command }) => instance === id && command.startsWith('node'));
    signal(
      own.map(({ pid }) => pid),
      'SIGKILL',
    );
  }

  /** As a follower does that takes the leader for dead: its lease is revoked, and it is told nothing. */
  async accuse({ replica }: Leader): Promise<void> {
    const entry = await this.store.get(KEYS.candidate('health', instanceId(replica)));
    if (entry !== undefined) await this.store.revokeLease(entry.lease);
  }

  /** Whether the process stands for health. */
  async stands(replica: string): Promise<boolean> {
    return (await this.store.get(KEYS.candidate('health', instanceId(replica)))) !== undefined;
  }

  private async ageMs({ replica }: Leader): Promise<number> {
    const entry = await this.store.get(KEYS.member(instanceId(replica)));
    return entry === undefined ? 0 : Date.now() - (JSON.parse(entry.value) as MemberRecord).startedAtMs;
  }

  private leaderOf(view: LevelView): Leader | undefined {
    const found = view.directory.leaders.find((one) => one.function === 'health');
    if (found === undefined) return undefined;
    return {
      replica: found.replica,
      revision: found.epoch?.revision ?? 0,
      pids: this.pidsOf(found.replica),
      address: found.grpc,
    };
  }

  private pidsOf(id: string): readonly number[] {
    return this.host
      .processes()
      .filter(({ instance }) => instance === id)
      .map(({ pid }) => pid);
  }

  private etcdUrl(): string {
    const etcd = this.host.processes().find(({ command }) => command.includes('--listen-client-urls='));
    const url = /--listen-client-urls=(\S+)/.exec(etcd?.command ?? '')?.[1];
    if (url === undefined) throw new Error('no etcd member runs');
    return url;
  }

  private writeComposition(): string {
    writeFileSync(join(this.folder, 'server.mjs'), SERVER);
    const service = (name: string, replicas: number): string =>
      `  ${name}:\n    command: ["node", "server.mjs"]\n    expose: ["80"]\n    deploy: { replicas: ${replicas} }\n`;
    const services = [...COMPONENTS.map((name) => service(name, REPLICAS)), service(SCALED, 1)].join('');
    const file = join(this.folder, 'compose.yaml');
    writeFileSync(
      file,
      `name: ${LEVEL}\nx-mitosis: { management: { managers: ${MANAGERS} } }\nservices:\n${services}`,
    );
    return file;
  }
}

export const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // Its shim's end took it along.
    }
  }
};

const victimsOf = (view: LevelView): readonly string[] => {
  const now = Date.now();
  return view.graph.instances
    .filter(({ component }) => (COMPONENTS as readonly string[]).includes(component))
    .filter(({ phase, sinceMs }) => phase === 'ready' && now - sinceMs > HEALTHY_MS)
    .toSorted((a, b) => a.sinceMs - b.sinceMs)
    .map(({ id }) => id);
};

const overrideOf = (component: string, count: number): OverrideRecord => ({
  v: 1,
  component: componentName(component),
  count,
  expiresAtMs: 0,
  reason: 'bench',
});
