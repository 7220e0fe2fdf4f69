/**
 * A management process of the simulation: the same parts in the same order as service-kit's `startService`, without
 * servers and sockets. Everything between the store and the network is the production code.
 */
import { PREFIXES, type common, type FunctionName, type MemberRecord } from '@mitosis/contracts';
import {
  joinLevel,
  pause,
  type Membership,
  type MemoryEtcd,
  type ProcessProbe,
  type Store,
  type VirtualClock,
} from '@mitosis/coordination';
import {
  FunctionRunner,
  LevelDirectory,
  Registry,
  ViewCache,
  type FunctionContext,
  type FunctionShell,
  type Logger,
  type Peers,
  type RunnerMetrics,
  type ServiceConfig,
} from '@mitosis/service-kit';
import { SimChild, type ChildOptions } from '../host/sim-child.js';
import type { Random } from '../random.js';
import type { Network } from '../world/network.js';
import { SimPeers, type Addresses, type RpcServer } from '../world/sim-peers.js';

/** What a defect may put between a process and the world. */
export interface Seams {
  readonly store: (store: Store, replica: string) => Store;
  readonly peers: (peers: Peers, replica: string) => Peers;
  readonly shell: (shell: FunctionShell) => FunctionShell;
  readonly membership: (membership: Membership, parts: ProcessParts) => Membership;
}

export const NO_SEAMS: Seams = {
  store: (store) => store,
  peers: (peers) => peers,
  shell: (shell) => shell,
  membership: (membership) => membership,
};

export interface ProcessParts {
  readonly config: ServiceConfig;
  readonly clock: ChildOptions['clock'];
  readonly store: Store;
}

/** What every simulated process needs of the world it lives in. */
export interface World {
  readonly clock: VirtualClock;
  readonly etcd: MemoryEtcd;
  readonly network: Network;
  readonly addresses: Addresses;
  readonly prefix: string;
  readonly log: Logger;
  readonly seams: Seams;
  /** An act leaves a process. */
  readonly onSend: (act: common.ActHeader) => void;
  /** Counts a state that was reached. */
  readonly reached: (state: string) => void;
}

export interface Role {
  readonly shells: ReadonlyMap<FunctionName, FunctionShell>;
  readonly unary: RpcServer['unary'];
  readonly streams: RpcServer['streams'];
}

const NO_METRICS: RunnerMetrics = { passed: () => undefined, leading: () => undefined };
const LEAVE_MS = 1_000;
const STAND_ASIDE_MS = 60_000;
/** Until a process that starts has loaded its code. */
const BOOT_MIN_MS = 60;
const BOOT_MAX_MS = 250;

export class ManagementProcess extends SimChild implements RpcServer {
  readonly party: string;
  readonly unary: RpcServer['unary'];
  readonly streams: RpcServer['streams'];
  readonly config: ServiceConfig;
  readonly runners = new Map<FunctionName, FunctionRunner>();
  private store: Store | undefined;
  private membership: Membership | undefined;
  private views: ViewCache | undefined;
  private ready = false;
  private ending = false;

  constructor(
    options: ChildOptions,
    private readonly world: World,
    config: ServiceConfig,
    protected readonly role: Role,
    private readonly probe: (self: ManagementProcess) => ProcessProbe,
    private readonly random: Random,
  ) {
    super(options);
    this.party = options.id;
    // As `runService` does: what a process is called by is what it runs.
    this.config = { ...config, functions: [...role.shells.keys()] };
    this.unary = role.unary;
    this.streams = role.streams;
    const bootMs = random.between(BOOT_MIN_MS, BOOT_MAX_MS);
    this.clock.setTimer(bootMs, () => void this.start());
  }

  get address(): string {
    return `${this.config.host}:${this.config.grpcPort}`;
  }

  get leaseId(): string | undefined {
    return this.membership?.leaseId();
  }

  /** What is asked by its probe: the process answers, whatever its functions do. */
  override isHealthy(): boolean {
    return super.isHealthy() && this.ready;
  }

  private async start(): Promise<void> {
    const { world, config, clock } = this;
    world.addresses.listen(this.address, this);
    const store = world.seams.store(
      world.etcd.store(this.id, world.prefix, {
        clock,
        random: this.random.split('watch').next,
        receive: (arrive) => clock.receive(arrive),
      }),
      this.id,
    );
    this.store = store;
    const views = new ViewCache(store);
    this.views = views;
    const members = views.view(PREFIXES.members);
    const directory = new LevelDirectory(members, views.view(PREFIXES.election), config.incarnation);
    views.view(PREFIXES.control);
    const peers = world.seams.peers(
      new SimPeers({
        self: this.party,
        clock,
        world: world.clock,
        network: world.network,
        addresses: world.addresses,
        directory,
        random: this.random.split('streams').next,
        onCall: (method, request) => this.told(method, request),
      }),
      this.id,
    );
    const joined = joinLevel({
      store,
      level: config.level,
      incarnation: config.incarnation,
      replica: config.replica,
      address: this.address,
      leaseTtlMs: config.leaseTtlMs,
      member: this.member(),
      clock,
      probe: this.probe(this),
    });
    const membership = world.seams.membership(joined, { config, clock, store });
    this.membership = membership;
    this.ready = true;
    await Promise.all(
      [...this.role.shells].map(([name, shell]) =>
        this.startFunction(name, shell, { views, peers, membership, store }),
      ),
    );
  }

  private async startFunction(
    name: FunctionName,
    shell: FunctionShell,
    parts: { views: ViewCache; peers: Peers; membership: Membership; store: Store },
  ): Promise<void> {
    const { config, clock, world } = this;
    const nowMs = (): number => clock.wallMs();
    const runner = new FunctionRunner({
      shell: world.seams.shell(shell),
      mode: () => 'run',
      log: world.log,
      metrics: NO_METRICS,
      nowMs,
      clock,
    });
    this.runners.set(name, runner);
    const context: FunctionContext = {
      level: config.level,
      replica: config.replica,
      site: config.site,
      store: parts.store,
      membership: parts.membership,
      peers: parts.peers,
      log: world.log,
      view: parts.views.view,
      nowMs,
      clock,
      random: this.random.split(name).next,
      config,
      address: this.address,
      metrics: new Registry(),
      mode: () => 'run',
      requireSession: () => runner.requireSession(),
      command: (run) => runner.command(run),
    };
    await runner.shell.start(context, runner.nudge);
    if (this.exit !== undefined) return;
    const candidate = parts.membership.stand(name);
    candidate.onSession((session) => {
      world.reached(`leads:${name}`);
      session.signal.addEventListener('abort', () => world.reached(`session ended:${name}`), { once: true });
    });
    runner.attach(candidate);
  }

  private told(method: string, request: unknown): void {
    const { act } = request as { readonly act?: common.ActHeader };
    if (method.startsWith('agent.') && act !== undefined) this.world.onSend(act);
  }

  private member(): Omit<MemberRecord, 'v' | 'replica'> {
    const { config } = this;
    return {
      host: config.host,
      site: config.site,
      pid: this.pid,
      grpc: this.address,
      http: `${config.host}:${config.httpPort}`,
      functions: config.functions,
      startedAtMs: this.clock.wallMs(),
    };
  }

  /** As `startService` ends: resign first, then stop, then leave. */
  override terminate(): void {
    if (this.ending) return;
    this.ending = true;
    void this.leave().then(() => this.end(0));
  }

  private async leave(): Promise<void> {
    const all = [...this.runners.values()];
    await this.within(LEAVE_MS, Promise.all(all.map((runner) => runner.resign(STAND_ASIDE_MS))));
    await Promise.all(all.map((runner) => runner.stop(LEAVE_MS)));
    await this.drain();
    if (this.membership !== undefined) await this.within(LEAVE_MS, this.membership.close());
  }

  /** What a role still has to finish before its shells stop. */
  protected drain(): Promise<void> {
    return Promise.resolve();
  }

  protected async within(ms: number, work: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    await Promise.race([work.catch(() => undefined), pause(this.clock, ms, ended.signal)]);
    ended.abort();
  }

  protected override onEnd(): void {
    this.ready = false;
    // Frees what the store keeps of it; nothing of it can reach anybody any more.
    this.views?.close();
    void this.store?.close();
    this.world.network.reset(this.party);
  }
}
