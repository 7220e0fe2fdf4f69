/**
 * One level on virtual time: two machines with their agents, an etcd, and the management that the agents start: the real
 * functions over a simulated network, disk and workload. Faults and people act on it through its methods.
 */
import {
  etcdSpec,
  instanceId,
  levelPrefix,
  managerSpec,
  MANAGEMENT_COMPONENTS,
  PREFIXES,
  siteId,
  type Release,
} from '@mitosis/contracts';
import { MemoryEtcd, VirtualClock, type KeyValue, type MemorySnapshot } from '@mitosis/coordination';
import type { Logger } from '@mitosis/service-kit';
import type { TableInputs } from '@mitosis/router/shell';
import { newHost, type Child, type Host, type StoredInstance } from '../host/host.js';
import { AGENT_RULES, SimAgent, type AgentRules } from '../host/sim-agent.js';
import { SimApp, type AppBehaviour } from '../host/sim-app.js';
import type { ChildOptions } from '../host/sim-child.js';
import { SimEtcd } from '../host/sim-etcd.js';
import { configOf } from '../processes/config-of.js';
import { ManagementProcess, NO_SEAMS, type Seams, type World } from '../processes/management-process.js';
import { managerRole } from '../processes/manager.js';
import { RouterProcess, routerRole } from '../processes/router.js';
import { SimProbe } from '../processes/sim-probe.js';
import { seededRandom, type Random } from '../random.js';
import { ETCD, Network, type Party } from '../world/network.js';
import { ProcessClock } from '../world/process-clock.js';
import { Addresses } from '../world/sim-peers.js';
import { Trace } from '../world/trace.js';
import { compositionOf, LEVEL, SITES } from './composition.js';
import type { Families, Family } from './families.js';
import type { Observer } from './observer.js';
import { Traffic } from './traffic.js';

const RELEASE: Release = {
  version: '1',
  node: 'node',
  manager: 'manager',
  router: 'router',
  agent: 'agent',
  etcd: 'etcd',
};
const AGENT_PORT = 7_000;
/** Few, so that released ports would soon be needed again. */
const PORTS = { first: 20_000, last: 20_199 };
const SNAPSHOT_MS = 5_000;

export interface SimLevelOptions {
  readonly seed: number;
  readonly seams?: Partial<Seams>;
  readonly rules?: Partial<AgentRules>;
  readonly keepTrace?: boolean;
  /** Lines of the functions' own logs, for people who look at one seed. */
  readonly log?: (level: SimLevel) => Logger;
}

const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT,
};

export class SimLevel {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly etcd = new MemoryEtcd({ clock: this.clock });
  readonly network: Network;
  readonly addresses = new Addresses();
  readonly trace: Trace;
  readonly hosts: readonly Host[];
  readonly agents = new Map<string, SimAgent>();
  readonly traffic: Traffic;
  readonly states = new Map<string, number>();
  /** Multiplies the time instances take to boot. */
  slowness = 1;
  version = 'v1';
  private readonly observers: Observer[] = [];
  private readonly world: World;
  private readonly rules: AgentRules;
  private readonly snapshots: { readonly atMs: number; readonly snapshot: MemorySnapshot }[] = [];
  private readonly accusations = new Map<string, Set<() => void>>();
  private nextPid = 100;
  private spawned = 0;
  private etcdDowns = 0;
  private memberBack: (() => void) | undefined;

  constructor(options: SimLevelOptions) {
    this.random = seededRandom(options.seed);
    this.trace = new Trace(this.clock, options.keepTrace === true);
    this.network = new Network(this.clock, this.etcd, this.random.split('network'));
    this.rules = { ...AGENT_RULES, ...options.rules };
    this.hosts = SITES.map((site, index) => newHost(site, `10.0.0.${index + 1}`, AGENT_PORT));
    this.world = {
      clock: this.clock,
      etcd: this.etcd,
      network: this.network,
      addresses: this.addresses,
      prefix: levelPrefix(LEVEL),
      log: options.log?.(this) ?? SILENT,
      seams: { ...NO_SEAMS, ...options.seams },
      onSend: (act) => {
        for (const observer of this.observers) observer.onSend?.(act);
      },
      reached: (state) => this.reach(state),
    };
    this.etcd.onTxn((seen) => {
      if (seen.response.succeeded) {
        const keys = seen.txn.writes.map((write) =>
          write.kind === 'put' ? write.key : `-${write.range.key}`,
        );
        this.trace.add(`${seen.client} @${seen.response.header.revision} ${keys.join(' ')}`);
      }
      for (const observer of this.observers) observer.onTxn?.(seen);
    });
    this.traffic = new Traffic(this, (seen) => {
      for (const observer of this.observers) observer.onRequest?.(seen);
    });
    this.network.join(ETCD, SITES[0]);
    for (const host of this.hosts) {
      this.network.join(`agent@${host.site}`, host.site);
      this.network.join(`apps@${host.site}`, host.site);
    }
  }

  observe(observer: Observer): void {
    this.observers.push(observer);
  }

  reach(state: string): void {
    this.states.set(state, (this.states.get(state) ?? 0) + 1);
  }

  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** A record as it is in the store now; `key` as in KEYS. */
  record<F extends Family>(_family: F, key: string): Families[F] | undefined {
    const entry = this.etcd.state.get(levelPrefix(LEVEL) + key);
    return entry === undefined ? undefined : (JSON.parse(entry.value) as Families[F]);
  }

  /** All entries below a prefix, with keys relative to the level. */
  entries(prefix: string): readonly KeyValue[] {
    const full = levelPrefix(LEVEL) + prefix;
    const end = full.slice(0, -1) + String.fromCharCode(full.charCodeAt(full.length - 1) + 1);
    return this.etcd.state
      .range({ key: full, rangeEnd: end })
      .entries.map((entry) => ({ ...entry, key: entry.key.slice(levelPrefix(LEVEL).length) }));
  }

  records<F extends Family>(family: F): readonly Families[F][] {
    return this.entries(PREFIXES[family]).map(({ value }) => JSON.parse(value) as Families[F]);
  }

  /** As `mitosis up`: agents, the first etcd member and the first manager; then the composition is applied. */
  async begin(): Promise<void> {
    this.setMember(false);
    for (const host of this.hosts) this.startAgent(host);
    const first = this.hosts[0];
    const agent = first && this.agents.get(first.site);
    if (first === undefined || agent === undefined) throw new Error('a level needs a host');
    agent.bear(etcdSpec(LEVEL, instanceId('mitosis-etcd-a'), RELEASE), { client: 2_379, peer: 2_380 }, '');
    const process = {
      level: LEVEL,
      id: instanceId('mitosis-manager-a'),
      release: RELEASE,
      site: siteId(first.site),
      agent: first.agentAddress,
      etcd: '{{etcd}}',
      incarnation: '{{incarnation}}',
      leaseTtlMs: 3_000,
    };
    const manager = managerSpec(process, { managers: 2, components: 1 });
    agent.bear(manager, { grpc: 8_001, http: 8_002 }, `http://${first.address}:2379`);
    void this.apply(this.version);
    this.takeSnapshots();
    this.traffic.start();
  }

  /** A person applies the composition with this version of `web`; tried until a leader takes it. */
  async apply(version: string): Promise<void> {
    this.version = version;
    const agents = Object.fromEntries(this.hosts.map((host) => [host.site, host.agentAddress]));
    const typeGraphJson = JSON.stringify(compositionOf(version, agents));
    while (this.version === version) {
      for (const manager of this.managers()) {
        const apply = manager.unary.get('composer.apply');
        try {
          await apply?.({ typeGraphJson, expectedGeneration: -1 });
          return;
        } catch {
          // Another leads, or none: asked again.
        }
      }
      await new Promise<void>((resolve) => this.clock.setTimer(200, resolve));
    }
  }

  // Who is there

  children(): readonly Child[] {
    return this.hosts.flatMap((host) => [...host.children.values()].filter(({ exit }) => exit === undefined));
  }

  managers(): readonly ManagementProcess[] {
    return this.children().filter(
      (child): child is ManagementProcess =>
        child instanceof ManagementProcess && child.component === MANAGEMENT_COMPONENTS.manager,
    );
  }

  routers(): readonly RouterProcess[] {
    return this.children().filter((child): child is RouterProcess => child instanceof RouterProcess);
  }

  apps(): readonly SimApp[] {
    return this.children().filter((child): child is SimApp => child instanceof SimApp);
  }

  hostOf(child: Child): Host | undefined {
    return this.hosts.find((host) => host.children.get(child.id) === child);
  }

  // What can be done to it

  /** Ends the agent's process; what runs goes on. */
  killAgent(host: Host): void {
    this.agents.get(host.site)?.clock.kill();
    this.agents.delete(host.site);
    this.network.reset(`agent@${host.site}`);
  }

  startAgent(host: Host): void {
    if (this.agents.has(host.site) || !host.isUp) return;
    const clock = new ProcessClock(this.clock);
    const agent = new SimAgent({
      level: LEVEL,
      host,
      clock,
      random: this.random.split(`agent ${host.site} ${this.nextPid++}`),
      rules: this.rules,
      ports: PORTS,
      spawn: (on, stored) => this.spawn(on, stored),
      onAct: (seen) => {
        this.trace.add(`act ${seen.kind} ${seen.id} at ${host.site} ${seen.verdict}`);
        if (seen.verdict === 'refused') this.reach('act refused by the fence');
        for (const observer of this.observers) observer.onAct?.(seen);
      },
      onPorts: (on, owner, ports) => {
        for (const observer of this.observers) observer.onPorts?.(on, owner, ports);
      },
    });
    this.agents.set(host.site, agent);
    this.addresses.listen(host.agentAddress, agent);
  }

  /** The machine loses its power: everything on it ends, nobody hears of it. Returns what brings it back. */
  powerOff(host: Host): () => void {
    host.isUp = false;
    const parties = this.network.parties.filter((party) => this.network.hostOf(party) === host.site);
    const heal = this.network.isolate(parties);
    this.killAgent(host);
    for (const child of host.children.values()) child.end(137);
    return () => {
      for (const party of parties) this.network.reset(party);
      heal();
      host.isUp = true;
      this.startAgent(host);
    };
  }

  /** etcd answers nothing, until every caller has called what is returned. */
  etcdDown(): () => void {
    this.etcdDowns += 1;
    this.etcd.setQuorum(false);
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.etcdDowns -= 1;
      if (this.etcdDowns === 0) this.etcd.setQuorum(true);
    };
  }

  /** Whether the member's process serves. */
  private setMember(up: boolean): void {
    if (up) {
      this.memberBack?.();
      this.memberBack = undefined;
    } else this.memberBack ??= this.etcdDown();
  }

  /** The store is made anew from an older snapshot, as the agent does it: a newer incarnation, management begins anew. */
  restore(ageMs: number): void {
    const taken = this.snapshots.filter(({ atMs }) => atMs <= this.nowMs - ageMs).at(-1) ?? this.snapshots[0];
    const host = this.hosts[0];
    if (taken === undefined || host === undefined) return;
    this.trace.add(`restored from ${taken.atMs}`);
    // The agent's token for the cluster has the incarnation in it.
    this.etcd.restore(taken.snapshot, { newClusterId: true });
    host.disk.incarnation = Math.max(host.disk.incarnation, host.disk.highest.incarnation) + 1;
    // An agent that died on the way goes on with it when it is back.
    host.disk.recovering = true;
    for (const observer of this.observers) observer.onStoreReplaced?.();
    this.agents.get(host.site)?.restartManagement();
  }

  /** A follower takes the party for dead although it lives. Returns whether somebody watches it. */
  accuse(party: Party): boolean {
    const accusers = this.accusations.get(party);
    for (const accuse of accusers ?? []) accuse();
    return (accusers?.size ?? 0) > 0;
  }

  private takeSnapshots(): void {
    this.clock.setTimer(SNAPSHOT_MS, () => {
      this.takeSnapshots();
      if (this.etcdDowns === 0 && this.etcd.hasQuorum) {
        this.snapshots.push({ atMs: this.nowMs, snapshot: this.etcd.snapshot() });
      }
    });
  }

  // What the agents start

  private spawn(host: Host, stored: StoredInstance): Child {
    const child = this.make(host, stored);
    for (const observer of this.observers) observer.onSpawn?.(host, child);
    host.children.set(child.id, child);
    this.network.join(child instanceof SimApp ? `apps@${host.site}` : child.id, host.site);
    this.trace.add(`spawn ${child.id} at ${host.site}`);
    child.onExit(({ code }) => {
      this.trace.add(`exit ${child.id} ${code}`);
      for (const observer of this.observers) observer.onExit?.(host, child);
    });
    return child;
  }

  private make(host: Host, stored: StoredInstance): Child {
    const { spec, ports, run } = stored;
    const clock = new ProcessClock(this.clock);
    const options: ChildOptions = {
      id: spec.id,
      component: spec.component,
      run,
      pid: this.nextPid++,
      ports,
      clock,
      nowMs: () => clock.wallMs(),
    };
    const random = this.random.split(`process ${spec.id} ${run} ${this.spawned++}`);
    switch (spec.component) {
      case MANAGEMENT_COMPONENTS.etcd:
        return new SimEtcd(options, (up) => this.setMember(up));
      case MANAGEMENT_COMPONENTS.manager:
        return new ManagementProcess(
          options,
          this.world,
          configOf(host, stored),
          managerRole(),
          (self) => this.probeOf(self),
          random,
        );
      case MANAGEMENT_COMPONENTS.router: {
        const role = routerRole({
          read: () => host.disk.files.get(spec.id) as TableInputs | undefined,
          write: (inputs) => void host.disk.files.set(spec.id, inputs),
        });
        const config = configOf(host, stored);
        return new RouterProcess(options, this.world, config, role, (self) => this.probeOf(self), random);
      }
      default:
        return new SimApp(options, this.behaviourOf(spec.component, random));
    }
  }

  private behaviourOf(component: string, random: Random): AppBehaviour {
    return {
      bootMs: random.between(200, 900) * this.slowness,
      serviceMs: 40,
      workers: 4,
      lifeMs: component === 'migrate' ? 500 : 0,
      stopMs: random.between(5, 300),
    };
  }

  private probeOf(self: ManagementProcess): SimProbe {
    return new SimProbe(self.party, self.clock, this.network, this.addresses, (_, party, accuse) => {
      const accusers = this.accusations.get(party) ?? new Set();
      this.accusations.set(party, accusers.add(accuse));
      return () => accusers.delete(accuse);
    });
  }
}
