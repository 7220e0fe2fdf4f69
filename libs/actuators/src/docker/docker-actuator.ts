/**
 * The docker driver: instances are containers of one engine. A container's name stands for one run for ever, so a start is
 * create-if-absent on the engine, too; labels say whose it is. Finds its runs again whatever restarted: this agent, the
 * engine, the machine. Must never touch a container, network or volume that does not carry this host's label.
 */
import { MitosisError } from '@mitosis/contracts';
import type { Actuator, Adoption, DriverState, Run, RunPlan, RunRef, Stray, Usage } from '../actuator.js';
import { containerBody } from './container-body.js';
import { DockerRun } from './docker-run.js';
import { hostOfEngine, isLocal, parseEngineAddress, type EngineSettings } from './engine-address.js';
import { EngineClient, EngineError } from './engine-client.js';
import type { ContainerInspect, ContainerSummary, EngineEvent } from './engine-types.js';
import { EngineWatch, pause } from './engine-watch.js';
import { Images } from './images.js';
import {
  containerName,
  HOME,
  INSTANCE,
  isSameRun,
  keyOf,
  LEVEL,
  RUN,
  runNameOf,
  type RunName,
} from './marks.js';
import { externalNetworksOf, namedVolumesOf } from './mounts.js';
import { Networks } from './networks.js';
import type { RunContainer } from './run-container.js';
import { StatsMeter } from './stats-meter.js';

/** A start waits this long for an engine that is away; then it has failed. */
const ENGINE_WAIT_MS = 30_000;
const ENGINE_RETRY_MS = 250;
const CREATE_MS = 60_000;
const START_MS = 60_000;
const CHECK_PROCESSES_MS = 1_000;
const NETWORK_ATTEMPTS_MAX = 8;

export interface DockerActuatorOptions {
  /** Real path of the state directory: the mark. */
  readonly home: string;
  readonly engine: EngineSettings;
  /** Range that the small networks are taken from. */
  readonly pool: string;
  readonly nowMs?: () => number;
  readonly onState?: (state: DriverState) => void;
}

export class DockerActuator implements Actuator {
  readonly driver = 'docker';
  /** What runs is this machine's: its addresses are reached from here, and it may reach this machine's. */
  readonly local: boolean;
  /** Where the ports of its containers are reached; undefined: at this machine's address. */
  readonly remoteHost: string | undefined;
  private readonly client: EngineClient;
  private readonly watch: EngineWatch;
  private readonly images: Images;
  private readonly networks: Networks;
  private readonly meter: StatsMeter;
  private readonly runs = new Map<string, DockerRun>();
  private readonly nowMs: () => number;
  private readonly checkTimer: NodeJS.Timeout;

  /** Throws MitosisError `invalid_input` for an address that is none. Connects by itself. */
  constructor(private readonly options: DockerActuatorOptions) {
    const address = parseEngineAddress(options.engine);
    const { home, pool } = options;
    this.nowMs = options.nowMs ?? Date.now;
    this.local = isLocal(address);
    this.remoteHost = hostOfEngine(address);
    this.client = new EngineClient(address);
    this.images = new Images({ client: this.client, pause });
    this.networks = new Networks({ client: this.client, home, pool });
    this.meter = new StatsMeter(this.client, this.nowMs);
    this.watch = new EngineWatch({
      client: this.client,
      home,
      nowMs: this.nowMs,
      onSync: () => this.lookAtAll(),
      onEvent: (event) => this.onEvent(event),
      onState: (state) => options.onState?.(state),
    });
    this.checkTimer = setInterval(() => this.checkProcesses(), CHECK_PROCESSES_MS).unref();
  }

  state(): DriverState {
    return this.watch.state;
  }

  /** Resolves when `state` is known, or after a short bound. */
  settled(): Promise<void> {
    return this.watch.settled();
  }

  async start(plan: RunPlan, onProgress: (detail: string) => void = () => undefined): Promise<Run> {
    const { container } = plan;
    if (container === undefined || container.image === '')
      throw new MitosisError('invalid_input', `${plan.id}: a container needs an image`);
    // What can never work is told at once.
    containerBody({ home: this.options.home, plan, container, network: '' });
    const known = this.runs.get(keyOf(plan));
    if (known !== undefined) return known;
    const run = this.attach(plan);
    run.broughtUp = this.bringUp(run, plan, container, onProgress).catch((error: unknown) =>
      run.fail((error as Error).message),
    );
    return run;
  }

  private attach(ref: RunRef): DockerRun {
    const run = new DockerRun(ref, {
      client: this.client,
      nowMs: this.nowMs,
      local: this.local,
      isUsable: () => this.watch.state.usable,
    });
    this.runs.set(keyOf(ref), run);
    void run.exited.then(() => {
      if (this.runs.get(keyOf(ref)) === run) this.runs.delete(keyOf(ref));
      return undefined;
    });
    return run;
  }

  /** Each step may be done already, by an agent that died over it. */
  private async bringUp(
    run: DockerRun,
    plan: RunPlan,
    container: RunContainer,
    onProgress: (detail: string) => void,
  ): Promise<void> {
    const { signal } = run.ending;
    await this.engineThere(onProgress, signal);
    const { definition } = container;
    const network = await this.networks.ofLevel(plan.level);
    for (const volume of namedVolumesOf(plan.level, definition)) {
      if (volume.external) continue;
      // Answers with the volume that is there, whoever made it.
      await this.client.call('POST', '/volumes/create', {
        body: {
          Name: volume.name,
          Driver: volume.driver,
          DriverOpts: volume.driverOpts,
          Labels: { ...volume.labels, [HOME]: this.options.home, [LEVEL]: plan.level },
        },
        signal,
      });
    }
    const policy = typeof definition['pull_policy'] === 'string' ? definition['pull_policy'] : '';
    const built = definition['build'] !== undefined;
    await this.images.ensure({ image: container.image, policy, built }, onProgress, signal);
    const id = await this.onNetwork(plan.level, signal, () => this.create(run, plan, container, network));
    for (const name of externalNetworksOf(definition)) await this.join(name, id);
    if (signal.aborted) return;
    await this.onNetwork(plan.level, signal, () => this.startCreated(run, id, onProgress));
    await run.look();
  }

  /** A broken connection says nothing of a start: what is still only created is told again, and nothing else. */
  private async startCreated(
    run: DockerRun,
    id: string,
    onProgress: (detail: string) => void,
  ): Promise<void> {
    const { signal } = run.ending;
    for (const untilMs = this.nowMs() + ENGINE_WAIT_MS; ;) {
      try {
        await this.client.call('POST', `/containers/${id}/start`, { timeoutMs: START_MS });
        return;
      } catch (error) {
        if (error instanceof EngineError) throw error;
        onProgress((error as Error).message);
      }
      await pause(ENGINE_RETRY_MS, signal);
      const state = await this.stateOf(id, untilMs, signal);
      if (state === 'created') continue;
      if (state === undefined) run.doubt();
      return;
    }
  }

  /** Undefined where the engine does not say in time. */
  private async stateOf(id: string, untilMs: number, signal: AbortSignal): Promise<string | undefined> {
    while (!signal.aborted && this.nowMs() < untilMs) {
      try {
        const { State } = await this.client.call<ContainerInspect>('GET', `/containers/${id}/json`);
        return State.Status;
      } catch (error) {
        if (error instanceof EngineError) throw error;
        await pause(ENGINE_RETRY_MS, signal);
      }
    }
    return undefined;
  }

  /** Another agent of this home may make the level's network in the same moment: there are two, then one of them goes. */
  private async onNetwork<T>(level: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await act();
      } catch (error) {
        if (!isAboutNetwork(error) || attempt >= NETWORK_ATTEMPTS_MAX || signal.aborted) throw error;
        await pause(ENGINE_RETRY_MS, signal);
        await this.networks.ofLevel(level);
      }
    }
  }

  private async engineThere(onProgress: (detail: string) => void, signal: AbortSignal): Promise<void> {
    const untilMs = this.nowMs() + ENGINE_WAIT_MS;
    await this.watch.settled();
    while (!this.watch.state.usable) {
      const { detail } = this.watch.state;
      if (signal.aborted || this.nowMs() > untilMs) throw new MitosisError('unavailable', detail);
      onProgress(detail);
      await pause(ENGINE_RETRY_MS, signal);
    }
  }

  /** Create-if-absent: the name belongs to this run alone. */
  private async create(
    run: DockerRun,
    plan: RunPlan,
    container: RunContainer,
    network: string,
  ): Promise<string> {
    const name = containerName(plan);
    // An address of this machine means nothing on another one.
    const bound = this.local ? container : { ...container, host: '' };
    const body = containerBody({ home: this.options.home, plan, container: bound, network });
    try {
      const { Id } = await this.client.call<{ readonly Id: string }>('POST', '/containers/create', {
        query: { name },
        body,
        timeoutMs: CREATE_MS,
      });
      run.created(Id);
      return Id;
    } catch (error) {
      if (!(error instanceof EngineError) || error.status !== 409) throw error;
      const found = await this.named(name, run.ending.signal);
      const owner = runNameOf(found.Config.Labels);
      const ours = found.Config.Labels?.[HOME] === this.options.home;
      if (!ours || owner === undefined || !isSameRun(owner, plan))
        throw new MitosisError(
          'conflict',
          `a container called ${name} is there already and not ours: remove or rename it`,
          { cause: error },
        );
      run.created(found.Id);
      return found.Id;
    }
  }

  /** Whoever else makes it has the name before the engine knows the container. */
  private async named(name: string, signal: AbortSignal): Promise<ContainerInspect> {
    for (const untilMs = this.nowMs() + CREATE_MS; ;) {
      try {
        return await this.client.call<ContainerInspect>('GET', `/containers/${name}/json`);
      } catch (error) {
        const absent = error instanceof EngineError && error.status === 404;
        if (!absent || signal.aborted || this.nowMs() > untilMs) throw error;
        await pause(ENGINE_RETRY_MS, signal);
      }
    }
  }

  private async join(network: string, container: string): Promise<void> {
    try {
      await this.client.call('POST', `/networks/${encodeURIComponent(network)}/connect`, {
        body: { Container: container },
      });
    } catch (error) {
      if (error instanceof EngineError && /already exists/.test(error.message)) return;
      throw error;
    }
  }

  async adopt(refs: readonly (RunRef & { readonly thisBoot: boolean })[]): Promise<readonly Adoption[]> {
    if (refs.length === 0) return [];
    await this.watch.settled();
    const listed = this.watch.state.usable ? await this.list() : undefined;
    return Promise.all(refs.map((ref) => this.adoptOne(ref, listed)));
  }

  private async adoptOne(ref: RunRef, listed: readonly ContainerSummary[] | undefined): Promise<Adoption> {
    const run = this.attach(ref);
    const kept = run.kept();
    if (kept?.exit !== undefined) return this.over(run, { kind: 'exited', exit: kept.exit });
    // The engine's silence says nothing: it is taken for running until the engine, or the kernel, says otherwise.
    if (listed === undefined) {
      run.doubt();
      return { kind: 'running', run };
    }
    const found = listed.find(({ Labels }) => {
      const name = runNameOf(Labels);
      return name !== undefined && isSameRun(name, ref);
    });
    if (found === undefined) {
      // Noted before it was started: without the note it never ran.
      if (kept === undefined) return this.over(run, { kind: 'never-started' });
      const exit = { code: undefined, atMs: this.nowMs(), detail: 'its container was removed' };
      return this.over(run, { kind: 'exited', exit });
    }
    if (found.State === 'created') {
      await this.client.call('DELETE', `/containers/${found.Id}`, { query: { force: '1', v: '1' } });
      return this.over(run, { kind: 'never-started' });
    }
    run.created(found.Id);
    await run.look();
    return { kind: 'running', run };
  }

  private over(run: DockerRun, adoption: Adoption): Adoption {
    this.runs.delete(keyOf(run.ref));
    return adoption;
  }

  private list(): Promise<readonly ContainerSummary[]> {
    return this.client.call<readonly ContainerSummary[]>('GET', '/containers/json', {
      query: {
        all: '1',
        filters: JSON.stringify({ label: [`${HOME}=${this.options.home}`, INSTANCE, RUN] }),
      },
    });
  }

  private async lookAtAll(): Promise<void> {
    await Promise.all([...this.runs.values()].map((run) => run.look()));
  }

  private onEvent({ Actor }: EngineEvent): void {
    const name = runNameOf(Actor.Attributes);
    if (name !== undefined) void this.runs.get(keyOf(name))?.look();
  }

  private checkProcesses(): void {
    if (!this.watch.state.usable) for (const run of this.runs.values()) run.checkProcess();
  }

  async sweep(isCurrent: (run: RunName) => boolean): Promise<readonly Stray[]> {
    if (!this.watch.state.usable) return [];
    const strays: Stray[] = [];
    for (const { Id, Labels, State } of await this.list()) {
      const name = runNameOf(Labels);
      if (name === undefined || isCurrent(name)) continue;
      try {
        await this.client.call('DELETE', `/containers/${Id}`, { query: { force: '1', v: '1' } });
        // What had ended was known to; only what ran is worth a word.
        if (State === 'running') strays.push({ ...name, pid: 0 });
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
      }
    }
    return strays;
  }

  /** The next sweep removes the container itself. */
  forget(ref: RunRef): void {
    this.runs.delete(keyOf(ref));
  }

  async forgetLevel(level: string, what: { readonly volumes: boolean }): Promise<void> {
    if (!this.watch.state.usable) return;
    await this.networks.remove(level, what);
  }

  /** See `Networks`. Throws MitosisError `unavailable` where containers cannot reach this machine by such an address. */
  async componentAddress(level: string, component: string): Promise<string> {
    if (!this.local)
      throw new MitosisError(
        'unavailable',
        'the engine is on another machine: its containers cannot reach the routers here by name',
      );
    await this.watch.settled();
    if (!this.watch.state.usable) throw new MitosisError('unavailable', this.watch.state.detail);
    return this.networks.componentAddress(level, component);
  }

  usage(run: Run): Usage | undefined {
    const { id, isOver } = run as DockerRun;
    return id === undefined || isOver ? undefined : this.meter.read(id);
  }

  close(): void {
    clearInterval(this.checkTimer);
    this.watch.close();
    for (const run of this.runs.values()) run.release();
    this.runs.clear();
    this.client.close();
  }
}

const isAboutNetwork = (error: unknown): boolean =>
  error instanceof EngineError && /network \S+ (?:is ambiguous|not found)/i.test(error.message);
