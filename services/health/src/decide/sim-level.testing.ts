/**
 * A level of the simulation: a store, routers, the functions before health, and health itself carried out act by act on
 * a virtual clock. Invariants are judged by what really happens, not by what health believes; each is thrown at once.
 */
import {
  instanceId,
  type EndpointsRecord,
  type InstanceId,
  type InstanceRecord,
  type ListenersRecord,
  type agent,
  type PlacementRecord,
  type RolloutRecord,
  type TargetRecord,
  type TypeGraph,
  type SpecRecord,
} from '@mitosis/contracts';
import { decideHealth } from './decide-health.js';
import { level, placement, SITE, specOf, target, NO_OUTCOMES } from './fixtures.testing.js';
import type { HealthInput, RouterObservation, Versioned } from './input.js';
import type { Act, Change, HealthPlan } from './plan.js';
import { SimHost } from './sim-host.testing.js';

const ROUTER = instanceId('mitosis-router-a');

interface SimRouter {
  ackRevision: number;
  ackDueAtMs: number;
  /** Requests to draining instances, until when. */
  readonly busyUntilMs: Map<InstanceId, number>;
  leaseEndedAtMs: number | null;
}

type Table = Map<string, Versioned<unknown>>;

export interface SimOptions {
  readonly graph: TypeGraph;
  readonly random: () => number;
  readonly crashes?: (component: string, version: string) => boolean;
}

export class SimLevel {
  nowMs = 1_000_000;
  revision = 100;
  readonly host: SimHost;
  readonly router: SimRouter = {
    ackRevision: 0,
    ackDueAtMs: 0,
    busyUntilMs: new Map(),
    leaseEndedAtMs: null,
  };
  spec: Versioned<SpecRecord> | undefined;
  readonly wanted = new Map<string, number>();
  /** How long the placer still has no answer. */
  placementsKnownAtMs = 0;
  private readonly tables: Readonly<Record<string, Table>> = {
    instances: new Map(),
    rollouts: new Map(),
    endpoints: new Map(),
    listeners: new Map(),
    births: new Map(),
  };
  private stopped = new Set<InstanceId>();
  private refused = new Map<InstanceId, string>();
  private listening: readonly agent.Listener[] | undefined;
  private plan: HealthPlan | undefined;

  constructor(private readonly options: SimOptions) {
    this.host = new SimHost(options.random, options.crashes ?? (() => false));
    this.spec = specOf(options.graph);
    const [manager, router] = [
      ...level({ components: Object.values(options.graph.components) }).instances.values(),
    ];
    for (const record of [manager, router]) {
      if (record === undefined) throw new Error('the fixture has a manager and a router');
      this.host.start(specOfReplica(record.value), this.nowMs);
    }
  }

  get records(): readonly InstanceRecord[] {
    return [...this.table<InstanceRecord>('instances').values()].map(({ value }) => value);
  }

  get rollouts(): readonly RolloutRecord[] {
    return [...this.table<RolloutRecord>('rollouts').values()].map(({ value }) => value);
  }

  get lastPlan(): HealthPlan | undefined {
    return this.plan;
  }

  /** One step of the world, then one pass of health: decide, commit, act, until nothing changes. */
  step(ms: number): void {
    this.nowMs += ms;
    this.host.tick(this.nowMs);
    this.tickRouter();
    for (let round = 0; round < 6; round += 1) {
      const input = this.observe();
      this.plan = decideHealth(input);
      for (const act of this.plan.acts) this.carryOut(act);
      if (this.plan.changes.length === 0) break;
      // Now and then somebody else was faster: nothing of the change may then have happened.
      if (this.options.random() < 0.05) break;
      for (const change of this.plan.changes) this.commit(change, input);
    }
    this.checkProcesses();
  }

  quiet(): boolean {
    const settled = this.plan !== undefined && this.plan.changes.length === 0;
    return settled && this.plan?.acts.length === 0;
  }

  /** A new leader: what acts of before have brought is forgotten. */
  changeLeader(): void {
    this.stopped = new Set();
    this.refused = new Map();
    this.listening = undefined;
  }

  /** The store is emptied; spec and targets come again only when people act. */
  emptyStore(): void {
    for (const table of Object.values(this.tables)) table.clear();
    this.changeLeader();
  }

  private table<T>(name: string): Map<string, Versioned<T>> {
    return this.tables[name] as Map<string, Versioned<T>>;
  }

  private observe(): HealthInput {
    const wanted = [...this.wanted].filter(() => this.nowMs >= this.placementsKnownAtMs);
    const base = level({ components: Object.values(this.options.graph.components) });
    return {
      ...base,
      nowMs: this.nowMs,
      random: this.options.random,
      spec: this.spec,
      targets: new Map<string, Versioned<TargetRecord>>(wanted.map(([name, n]) => [name, target(name, n)])),
      placements: new Map<string, Versioned<PlacementRecord>>(
        wanted.map(([name, n]) => [name, placement(name, { [SITE]: n })]),
      ),
      instances: this.table<InstanceRecord>('instances'),
      rollouts: this.table<RolloutRecord>('rollouts'),
      endpoints: this.table<EndpointsRecord>('endpoints'),
      listeners: this.table<ListenersRecord>('listeners'),
      agents: new Map([[SITE, this.host.observe(this.nowMs)]]),
      routers: [this.routerObservation()],
      outcomes: {
        ...NO_OUTCOMES,
        stopped: this.stopped,
        refused: this.refused,
        listeners: new Map(this.listening === undefined ? [] : [[SITE, this.listening]]),
      },
    };
  }

  private routerObservation(): RouterObservation {
    return {
      replica: ROUTER,
      ackRevision: this.router.ackRevision,
      busy: new Set(this.router.busyUntilMs.keys()),
      leaseEndedAtMs: this.router.leaseEndedAtMs,
    };
  }

  private tickRouter(): void {
    for (const [id, untilMs] of this.router.busyUntilMs) {
      if (untilMs <= this.nowMs) this.router.busyUntilMs.delete(id);
    }
    if (this.router.leaseEndedAtMs !== null || this.nowMs < this.router.ackDueAtMs) return;
    this.router.ackRevision = this.revision;
    this.router.ackDueAtMs = this.nowMs + this.options.random() * 800;
  }

  private carryOut(act: Act): void {
    // The agent of a silent site may still be reached or not; an act may be lost either way.
    if (this.nowMs < this.host.silentUntilMs || this.options.random() < 0.1) return;
    switch (act.kind) {
      case 'start':
        this.expectPhase(act.id, ['starting']);
        if (this.host.start(act.spec, this.nowMs) === 'refused') this.refused.set(act.id, 'tombstone');
        break;
      case 'stop':
        this.expectPhase(act.id, ['stopping', 'failed']);
        if (this.host.stop(act.id, this.nowMs) === 'stopped') this.stopped.add(act.id);
        break;
      case 'listen':
        this.listening = act.listeners.map(({ name, host }, index) => ({
          name,
          host,
          port: 9_000 + index,
          error: '',
        }));
        break;
      case 'release':
      case 'birth':
      case 'purge':
      case 'resign':
      case 'etcd-add':
      case 'etcd-promote':
      case 'etcd-remove':
        throw new Error(`nothing here calls for ${act.kind}`);
      default:
        act satisfies never;
    }
  }

  private expectPhase(id: InstanceId, phases: readonly string[]): void {
    const phase = this.table<InstanceRecord>('instances').get(id)?.value.phase;
    if (phase === undefined || !phases.includes(phase)) {
      throw new Error(`an act on ${id} in phase ${phase ?? 'none'}: its decision is not committed`);
    }
  }

  private commit(change: Change, input: HealthInput): void {
    this.revision += 1;
    for (const { key, modRevision } of change.compares) this.expectSeen(key, modRevision);
    for (const write of change.writes) {
      const [prefix, name] = splitKey(write.key);
      const table = this.tables[prefix];
      if (table === undefined) throw new Error(`health does not own ${write.key}`);
      const before = table.get(name);
      if (prefix === 'instances') {
        this.checkTransition(
          before?.value as InstanceRecord | undefined,
          write.kind === 'put' ? (write.value as InstanceRecord) : undefined,
          change,
          input,
        );
      }
      if (write.kind === 'delete') table.delete(name);
      else table.set(name, { value: write.value, modRevision: this.revision });
    }
  }

  private expectSeen(key: string, modRevision: number): void {
    const [prefix, name] = splitKey(key);
    const table = this.tables[prefix];
    if (table === undefined) return;
    const now = table.get(name)?.modRevision ?? 0;
    if (now !== modRevision) throw new Error(`${key} is at ${now}, compared with ${modRevision}`);
  }

  private checkTransition(
    before: InstanceRecord | undefined,
    after: InstanceRecord | undefined,
    change: Change,
    input: HealthInput,
  ): void {
    if (before === undefined || before.class === 'management') return;
    if (after === undefined) {
      const process = this.host.processes.get(before.id);
      if (process !== undefined && process.state !== 'stopped') {
        throw new Error(`the record of ${before.id} was deleted while it is ${process.state}`);
      }
      return;
    }
    const process = this.host.processes.get(before.id);
    // Nothing is taken from anybody by the end of what is dead.
    if (process === undefined || process.state === 'exited' || process.state === 'stopped') return;
    const leaves = after.phase === 'draining' || after.phase === 'stopping';
    if (leaves && before.phase === 'ready') this.checkLeaving(before, after, change, input);
    if (after.phase === 'stopping' && before.phase === 'draining') this.checkDrained(before);
    if (leaves && before.phase !== 'draining' && before.phase !== 'failed' && change.decisions.length === 0) {
      throw new Error(`${before.id} leaves without a decision`);
    }
  }

  private checkLeaving(
    before: InstanceRecord,
    leaving: InstanceRecord,
    change: Change,
    input: HealthInput,
  ): void {
    const component = this.options.graph.components[before.component];
    if (leaving.phase === 'stopping' && (component?.ports.length ?? 0) > 0) {
      throw new Error(`${before.id} goes from ready to stopping without a drain`);
    }
    if (component === undefined || input.spec?.value.phase !== 'operating' || component.exclusive) return;
    if (input.spec.value.typeGraph.components[before.component]?.update.order === 'stop-first') return;
    const sick = this.host.processes.get(before.id)?.health === 'unhealthy';
    if (sick) return;
    const wanted = input.placements.get(before.component)?.value.counts[SITE];
    if (wanted === undefined) throw new Error(`${before.id} leaves though nobody said how many are wanted`);
    const after = new Map([...input.instances].map(([id, { value }]) => [id, value]));
    for (const write of change.writes) {
      const [prefix, id] = splitKey(write.key);
      if (prefix !== 'instances') continue;
      if (write.kind === 'put') after.set(id, write.value as InstanceRecord);
      else after.delete(id);
    }
    const ready = [...after.values()].filter(
      ({ component, phase }) => component === before.component && phase === 'ready',
    ).length;
    if (ready < wanted) throw new Error(`${before.id} leaves: ${ready} ready remain, ${wanted} wanted`);
  }

  private checkDrained(before: InstanceRecord): void {
    const component = this.options.graph.components[before.component];
    const deadlineMs = component?.drainDeadlineMs ?? 30_000;
    const { leaseEndedAtMs } = this.router;
    if (leaseEndedAtMs !== null) {
      const router = this.host.processes.get(ROUTER);
      const replaced = router?.state === 'exited' || (router?.startedAtMs ?? 0) > leaseEndedAtMs;
      if (replaced || this.nowMs >= leaseEndedAtMs + deadlineMs) return;
      throw new Error(`${before.id} is stopped while a router without a lease may serve from it`);
    }
    const drainRevision = this.table<InstanceRecord>('instances').get(before.id)?.modRevision ?? 0;
    const acknowledged = this.router.ackRevision >= drainRevision && !this.router.busyUntilMs.has(before.id);
    const late = this.nowMs >= before.sinceMs + deadlineMs;
    if (!late && !acknowledged) throw new Error(`${before.id} is stopped before it was drained`);
  }

  private checkProcesses(): void {
    for (const component of Object.values(this.options.graph.components)) {
      if (!component.exclusive && !component.runOnce) continue;
      const alive = this.host.alive(component.name);
      if (alive.length > 1) throw new Error(`two of ${component.name}: ${alive.map(({ id }) => id).join()}`);
    }
  }
}

const splitKey = (key: string): readonly [string, string] => {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
};

const specOfReplica = (record: InstanceRecord): agent.InstanceSpec => ({
  id: record.id,
  component: record.component,
  class: 'management',
  version: record.version,
  driver: 'process',
  command: [],
  workingDir: '',
  env: {},
  stopSignal: '',
  stopGraceMs: 0,
  ports: [{ name: 'grpc', fixed: 0 }],
  listeners: [],
  probe: undefined,
  restart: { enabled: true, backoffMinMs: 0, backoffMaxMs: 0, resetAfterMs: 0 },
  user: '',
  logMaxBytes: 0,
  runOnce: false,
});
