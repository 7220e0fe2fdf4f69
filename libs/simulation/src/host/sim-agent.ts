/**
 * The agent of a simulated host: the same order of things as the real one (judge, write to disk, act), with the agent's
 * own pure decisions. The end of the fence, and where invariants are judged.
 */
import {
  judgeAct,
  keptTombstones,
  portCandidates,
  restPorts,
  type FenceVerdict,
} from '@mitosis/agent/decide';
import { MANAGEMENT_COMPONENTS, MitosisError, type agent, type common, type Epoch } from '@mitosis/contracts';
import type { Random } from '../random.js';
import type { ProcessClock } from '../world/process-clock.js';
import type { RpcServer, StreamSource } from '../world/sim-peers.js';
import { AgentInstance } from './agent-instance.js';
import type { Child, Host, StoredInstance } from './host.js';
import { SimActuator } from './sim-actuator.js';

/** What a defect may change of the agent's decisions. */
export interface AgentRules {
  readonly judgeAct: typeof judgeAct;
  /** False: an id that runs already is started again beside itself. */
  readonly createIfAbsent: boolean;
  readonly keptTombstones: typeof keptTombstones;
  readonly portCandidates: typeof portCandidates;
}

export const AGENT_RULES: AgentRules = { judgeAct, createIfAbsent: true, keptTombstones, portCandidates };

export interface ActSeen {
  readonly host: Host;
  readonly kind: 'start' | 'stop' | 'listen' | 'release';
  readonly id: string;
  readonly act: common.ActHeader | undefined;
  readonly verdict: FenceVerdict['kind'];
}

export interface SimAgentOptions {
  readonly level: string;
  readonly host: Host;
  readonly clock: ProcessClock;
  readonly random: Random;
  readonly rules: AgentRules;
  readonly ports: { readonly first: number; readonly last: number };
  readonly spawn: (host: Host, stored: StoredInstance) => Child;
  readonly onAct: (seen: ActSeen) => void;
  readonly onPorts: (host: Host, owner: string, ports: readonly number[]) => void;
}

const STATS_MS = 1_000;
/** The order of an fsync and a fork. */
const DISK_MS = 2;

export class SimAgent implements RpcServer {
  readonly party: string;
  readonly clock: ProcessClock;
  readonly unary: RpcServer['unary'];
  readonly streams: RpcServer['streams'];
  private readonly instances = new Map<string, AgentInstance>();
  private readonly readers = new Set<(event: agent.AgentEvent) => void>();
  private readonly actuator: SimActuator;

  constructor(private readonly options: SimAgentOptions) {
    const { host, clock } = options;
    this.actuator = new SimActuator({ host, clock, spawn: ({ id }) => this.spawn(id) });
    this.party = `agent@${host.site}`;
    this.clock = clock;
    this.unary = new Map<string, (request: never) => unknown>([
      ['agent.hello', () => this.hello()],
      ['agent.start', (request: agent.StartRequest) => this.start(request)],
      ['agent.stop', (request: agent.StopRequest) => this.stop(request)],
      ['agent.ensureListeners', (request: agent.ListenersRequest) => this.ensureListeners(request)],
      ['agent.releaseListeners', (request: agent.ListenersRequest) => this.releaseListeners(request)],
      ['agent.levels', () => ({ levels: [] })],
    ] as const) as unknown as RpcServer['unary'];
    this.streams = new Map<string, StreamSource>([
      ['agent.watch', (_, send) => this.watch(send)],
      ['agent.stats', (_, send) => this.stats(send)],
    ]);
    for (const stored of host.disk.instances.values()) this.adopt(stored).resume();
    for (const { id } of host.disk.tombstones) {
      const instance = this.instances.get(id);
      if (instance !== undefined) instance.stop(-1, () => this.drop(instance));
    }
    if (host.disk.recovering) this.restartManagement();
  }

  get statuses(): readonly agent.InstanceStatus[] {
    return [...this.instances.values()].map((one) => one.status());
  }

  /** As the birth of a level: recorded and begun without an act. */
  bear(spec: agent.InstanceSpec, ports: Readonly<Record<string, number>>, etcd: string): void {
    this.create({ spec, ports, etcd, epoch: { incarnation: 0, revision: 0 } }).begin();
  }

  /** Managers and routers begin anew, under the incarnation of now: what follows a store that was made anew. */
  restartManagement(): void {
    for (const instance of this.instances.values()) {
      const { spec } = instance.stored;
      if (spec.class === 'management' && spec.component !== MANAGEMENT_COMPONENTS.etcd) instance.restart();
    }
    this.options.host.disk.recovering = false;
  }

  private hello(): agent.AgentInfo {
    const { host } = this.options;
    return {
      host: host.address,
      version: 'sim',
      pid: 1,
      stateDir: '/',
      cpus: 16,
      memoryBytes: 64e9,
      bootId: 'boot',
      drivers: [{ driver: 'process', usable: true, detail: '', sinceMs: 0 }],
      program: '',
    };
  }

  private admit(kind: ActSeen['kind'], id: string, act: common.ActHeader | undefined): Epoch {
    const { host, rules, onAct } = this.options;
    const verdict = rules.judgeAct(host.disk.highest, act);
    onAct({ host, kind, id, act, verdict: verdict.kind });
    if (verdict.kind === 'invalid') throw new MitosisError('invalid_input', verdict.reason);
    if (verdict.kind === 'refused') throw new MitosisError('fenced', verdict.reason);
    host.disk.highest = verdict.highest;
    return verdict.highest;
  }

  private async start({ act, spec }: agent.StartRequest): Promise<agent.InstanceStatus> {
    if (spec === undefined) throw new MitosisError('invalid_input', 'the request describes no instance');
    const epoch = this.admit('start', spec.id, act);
    const { disk } = this.options.host;
    if (disk.tombstones.some(({ id }) => id === spec.id))
      throw new MitosisError('fenced', `${spec.id} was stopped: its id is never used again`);
    const known = this.instances.get(spec.id);
    if (known !== undefined && this.options.rules.createIfAbsent) return known.status();
    const instance = this.create({ spec, epoch, etcd: '', ports: this.allot(spec) });
    await this.disk();
    instance.begin();
    return instance.status();
  }

  private async stop({ act, id, graceMs }: agent.StopRequest): Promise<agent.InstanceStatus> {
    const epoch = this.admit('stop', id, act);
    const { host, rules } = this.options;
    const { disk } = host;
    if (!disk.tombstones.some((one) => one.id === id)) {
      disk.tombstones = rules.keptTombstones([...disk.tombstones, { id, epoch }], disk.highest);
    }
    await this.disk();
    const instance = this.instances.get(id);
    if (instance === undefined) return this.absent(id, epoch);
    await new Promise<void>((resolve) => instance.stop(graceMs, resolve));
    this.drop(instance);
    return instance.status();
  }

  private create(wanted: Pick<StoredInstance, 'spec' | 'epoch' | 'ports' | 'etcd'>): AgentInstance {
    const stored: StoredInstance = { ...wanted, createdAtMs: this.clock.wallMs(), run: 0, restarts: 0 };
    this.options.host.disk.instances.set(wanted.spec.id, stored);
    return this.adopt(stored);
  }

  private spawn(id: string): Child {
    const { host, spawn } = this.options;
    const stored = host.disk.instances.get(id);
    if (stored === undefined) throw new MitosisError('not_found', `${id} is not on the disk of ${host.site}`);
    return spawn(host, stored);
  }

  private adopt(stored: StoredInstance): AgentInstance {
    const { level, host, clock, random } = this.options;
    const instance = new AgentInstance(stored, {
      level,
      host: host.address,
      clock,
      actuator: this.actuator,
      spawnMs: () => random.between(3, 20),
      onChange: (status) => this.tell({ event: { $case: 'status', value: status } }),
    });
    this.instances.set(stored.spec.id, instance);
    return instance;
  }

  private drop(instance: AgentInstance): void {
    const { host, level } = this.options;
    if (this.instances.get(instance.id) !== instance) return;
    const { ports, spec } = instance.stored;
    const nowMs = this.clock.wallMs();
    host.disk.resting = restPorts(
      host.disk.resting,
      Object.values(ports),
      `${level}/${spec.component}`,
      nowMs,
    );
    this.instances.delete(instance.id);
    host.disk.instances.delete(instance.id);
    host.disk.files.delete(instance.id);
    this.actuator.forget(instance);
    this.tell({ event: { $case: 'removed', value: instance.id } });
  }

  /** New ports for an instance. Throws MitosisError `exhausted` when none is left. */
  private allot(spec: agent.InstanceSpec): Readonly<Record<string, number>> {
    const { host, level, onPorts, rules } = this.options;
    const owner = `${level}/${spec.component}`;
    const taken = new Set([
      ...[...host.disk.instances.values()].flatMap(({ ports }) => Object.values(ports)),
      ...[...host.disk.listeners.values()].map(({ port }) => port),
    ]);
    const { resting, cursor } = host.disk;
    const candidates = rules.portCandidates({
      range: this.options.ports,
      taken,
      resting,
      owner,
      cursor,
      nowMs: this.clock.wallMs(),
    });
    const ports: Record<string, number> = {};
    for (const { name } of spec.ports) {
      const next = candidates.next();
      if (next.done === true) throw new MitosisError('exhausted', 'no port is free');
      ports[name] = next.value;
      host.disk.cursor = next.value - this.options.ports.first + 1;
    }
    onPorts(host, owner, Object.values(ports));
    return ports;
  }

  private ensureListeners({ act, listeners }: agent.ListenersRequest): agent.ListenersReply {
    this.admit('listen', '', act);
    const { host } = this.options;
    for (const { name, host: bound, port } of listeners) {
      if (host.disk.listeners.has(name)) continue;
      const number = port === 0 ? 100 + host.disk.listeners.size : port;
      host.disk.listeners.set(name, { host: bound || host.address, port: number });
    }
    return {
      listeners: listeners.map(({ name }) => {
        const held = host.disk.listeners.get(name);
        return { name, host: held?.host ?? '', port: held?.port ?? 0, error: '' };
      }),
    };
  }

  private releaseListeners({ act, listeners }: agent.ListenersRequest): common.Empty {
    this.admit('release', '', act);
    for (const { name } of listeners) this.options.host.disk.listeners.delete(name);
    return {};
  }

  private watch(send: (event: agent.AgentEvent) => void): () => void {
    for (const status of this.statuses) send({ event: { $case: 'status', value: status } });
    send({ event: { $case: 'synced', value: true } });
    this.readers.add(send);
    return () => this.readers.delete(send);
  }

  private stats(send: (sample: agent.StatsSample) => void): () => void {
    let ended = false;
    const tick = (): void => {
      if (ended) return;
      send({ atMs: this.clock.wallMs(), instances: [...this.actuator.useNow()] });
      this.clock.setTimer(STATS_MS, tick);
    };
    this.clock.setTimer(STATS_MS, tick);
    return () => (ended = true);
  }

  private tell(event: agent.AgentEvent): void {
    for (const send of this.readers) send(event);
  }

  private disk(): Promise<void> {
    return new Promise((resolve) => {
      this.clock.setTimer(DISK_MS, resolve);
    });
  }

  private absent(id: string, epoch: Epoch): agent.InstanceStatus {
    return {
      level: this.options.level,
      id,
      component: '',
      class: '',
      version: '',
      state: 'stopped',
      health: 'unknown',
      pid: 0,
      ports: {},
      startedAtMs: 0,
      changedAtMs: this.clock.wallMs(),
      exitKnown: false,
      exitCode: 0,
      restarts: 0,
      detail: 'nothing of this id was here',
      epoch,
      host: this.options.host.address,
    };
  }
}
