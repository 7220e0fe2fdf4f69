/**
 * One level on this host: its fence, its tombstones, its instances, its listeners. Every act comes through here: judged
 * and on disk before it is carried out. Must never forget an instance that may still run.
 */
import { mkdir, rename, rm } from 'node:fs/promises';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MitosisError, ZERO_EPOCH, type agent, type common, type Epoch } from '@mitosis/contracts';
import { removeDurable } from '@mitosis/actuators';
import { certifiedRole } from '../decide/secure-command.js';
import { tlsDirectory } from '../identity/host-identity.js';
import { judgeAct } from '../decide/fence.js';
import { Instance } from '../instances/instance.js';
import type { InstanceState, LevelState } from '../state/records.js';
import { Saved } from '../state/saved.js';
import type { TombstoneLog } from '../state/tombstone-log.js';
import { placeListeners } from '../listeners/container-listeners.js';
import { actEntry } from './act-entry.js';
import { assertListenerName, assertName, assertSpec } from './assertions.js';
import { EventHub } from './event-hub.js';
import type { HostServices } from './host-services.js';

export const levelDirectory = (home: string, level: string): string => join(home, 'levels', level);
export const instancesDirectory = (home: string, level: string): string =>
  join(levelDirectory(home, level), 'instances');
export const recordPath = (dir: string): string => join(dir, 'record.json');
/** How long a restarted replica may take before the next one is restarted all the same. */
const SERVING_MS = 30_000;
/** Output of the last instances that were stopped, for people. */
const STOPPED_KEPT = 20;

export interface NewInstance {
  readonly spec: agent.InstanceSpec;
  readonly epoch: Epoch;
  readonly ports?: Readonly<Record<string, number>>;
  readonly etcd?: string;
  readonly initialCluster?: string;
}

export class Level {
  readonly hub = new EventHub();
  readonly instances = new Map<string, Instance>();
  private readonly creating = new Map<string, Promise<Instance>>();
  private turn: Promise<unknown> = Promise.resolve();
  private restarts: Promise<void> = Promise.resolve();

  constructor(
    readonly saved: Saved<LevelState>,
    readonly tombstones: TombstoneLog,
    private readonly host: HostServices,
  ) {}

  get name(): string {
    return this.saved.value.level;
  }
  get state(): LevelState {
    return this.saved.value;
  }
  get dir(): string {
    return levelDirectory(this.host.paths.home, this.name);
  }
  get management(): readonly Instance[] {
    return [...this.instances.values()].filter(({ isManagement }) => isManagement);
  }
  /** Something of it is here, not only the memory of its epoch. */
  get lives(): boolean {
    const { birth, listeners } = this.state;
    return (
      this.instances.size > 0 || this.creating.size > 0 || birth !== null || Object.keys(listeners).length > 0
    );
  }

  /** On disk from the first act on: to watch a level that is not here leaves no trace. */
  async prepare(): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
  }

  /**
   * Throws MitosisError `fenced` or `invalid_input`; a newer epoch is on disk when it resolves. `verb` and `id` are for
   * the record.
   */
  async admit(act: common.ActHeader | undefined, verb: string, id = ''): Promise<Epoch> {
    if (this.state.purging) throw new MitosisError('fenced', `level ${this.name} is being removed`);
    const verdict = judgeAct(this.state.highest, act);
    this.note(act, verb, id, verdict.kind === 'accepted' ? undefined : verdict.reason);
    switch (verdict.kind) {
      case 'invalid':
        throw new MitosisError('invalid_input', verdict.reason);
      case 'refused':
        throw new MitosisError('fenced', verdict.reason);
      case 'accepted':
        await this.prepare();
        if (verdict.raised) await this.saved.update({ highest: verdict.highest });
        // Also when this very epoch is just being written on behalf of another act.
        else await this.saved.flushed();
        return verdict.highest;
      default:
        return verdict satisfies never;
    }
  }

  private note(act: common.ActHeader | undefined, verb: string, id: string, refusal?: string): void {
    this.host.history.record(actEntry(this.name, act, verb, id, refusal));
  }

  /** One after the other: births, listeners, recoveries. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.catch(() => undefined).then(work);
    this.turn = result;
    return result;
  }

  /** Restarts in place, one after the other, so that some replica serves all the while. */
  restartInTurn(wanted: () => readonly Instance[]): Promise<void> {
    this.restarts = this.restarts
      .catch(() => undefined)
      .then(async () => {
        for (const instance of wanted()) {
          await instance.restart();
          await instance.whenHealthy(SERVING_MS);
        }
        return undefined;
      });
    return this.restarts;
  }

  async start(request: agent.StartRequest): Promise<agent.InstanceStatus> {
    const { spec } = request;
    const epoch = await this.admit(request.act, 'start', spec?.id);
    assertSpec(spec);
    const instance = await this.create({ spec, epoch }).catch((error: unknown) => {
      this.note(request.act, 'start', spec.id, error instanceof Error ? error.message : String(error));
      throw error;
    });
    if (instance.mistake !== undefined) throw instance.mistake;
    return instance.status();
  }

  /** Create-if-absent. Throws MitosisError `fenced` for a stopped id. */
  async create(wanted: NewInstance): Promise<Instance> {
    const { id } = wanted.spec;
    if (this.tombstones.has(id))
      throw new MitosisError('fenced', `${id} was stopped: its id is never used again`);
    const known = this.instances.get(id);
    if (known !== undefined) return known;
    const creating = this.creating.get(id) ?? this.createOnce(wanted).finally(() => this.creating.delete(id));
    this.creating.set(id, creating);
    return creating;
  }

  private async createOnce(wanted: NewInstance): Promise<Instance> {
    const { spec, epoch } = wanted;
    const { ports: book, host, nowMs } = this.host;
    const owner = `${this.name}/${spec.component}`;
    const allotted = wanted.ports === undefined ? await book.allot(owner, host, spec.ports) : undefined;
    try {
      const state: InstanceState = {
        v: 1,
        level: this.name,
        spec,
        epoch,
        ports: wanted.ports ?? allotted?.ports ?? {},
        etcd: wanted.etcd ?? '',
        initialCluster: wanted.initialCluster ?? '',
        run: 0,
        bootId: this.host.bootId,
        restarts: 0,
        createdAtMs: nowMs(),
      };
      const dir = join(instancesDirectory(this.host.paths.home, this.name), spec.id);
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const instance = this.adopt(state, dir);
      // A stop or a removal that came meanwhile has been promised that this never runs.
      if (this.tombstones.has(spec.id) || this.state.purging) {
        await this.drop(instance);
        throw new MitosisError('fenced', `${spec.id} was stopped while it was started`);
      }
      await instance.begin();
      this.host.history.record({ k: 'created', level: this.name, id: spec.id });
      return instance;
    } finally {
      allotted?.settle();
    }
  }

  /** Takes a recorded instance in, without starting anything. */
  adopt(state: InstanceState, dir: string): Instance {
    const instance = new Instance(new Saved(recordPath(dir), state), dir, {
      actuator: this.host.drivers.of(state.spec.driver),
      home: this.host.paths.home,
      bootId: this.host.bootId,
      log: this.host.log,
      nowMs: this.host.nowMs,
      context: (one) => ({
        host: this.host.drivers.addressOf(one.state.spec.driver) ?? this.host.host,
        agentAddress: this.host.paths.address,
        dir: one.dir,
        incarnation: this.state.incarnation,
        open: this.host.secrets.opener(this.name),
        listeners: this.host.listeners.open(this.name, one.state.spec.listeners),
      }),
      equip: async (one) => {
        this.host.secrets.writeFiles(this.name, one.state.spec, one.dir);
        const role = certifiedRole(one.state);
        if (role !== undefined)
          await this.host.identity.ensure({
            name: { level: this.name, role, id: one.id },
            directory: tlsDirectory(one.dir),
          });
      },
      onChange: (one) => {
        if (this.instances.get(one.id) === one) this.hub.changed(one.status());
      },
      onExit: (one) => this.host.onExit(this, one),
    });
    this.instances.set(state.spec.id, instance);
    return instance;
  }

  async stop(request: agent.StopRequest): Promise<agent.InstanceStatus> {
    const epoch = await this.admit(request.act, 'stop', request.id);
    assertName(request.id, 'instance');
    await this.entomb(request.id, epoch);
    await this.creating.get(request.id)?.catch(() => undefined);
    const instance = this.instances.get(request.id);
    if (instance === undefined) return this.absentStatus(request.id, epoch);
    return this.finishStop(instance, request.graceMs);
  }

  /** On disk when it resolves. */
  async entomb(id: string, epoch: Epoch): Promise<void> {
    if (this.tombstones.has(id)) return this.tombstones.add(id, epoch);
    await this.tombstones.add(id, epoch);
    this.host.history.record({ k: 'tombstone', level: this.name, id });
  }

  /** The tombstone is on disk. */
  async finishStop(instance: Instance, graceMs: number): Promise<agent.InstanceStatus> {
    const status = await instance.stop(graceMs);
    await this.drop(instance);
    return status;
  }

  /** Forgets an instance of which nothing runs; its output stays for a while. */
  private async drop(instance: Instance): Promise<void> {
    if (this.instances.get(instance.id) !== instance) return;
    const { component } = instance.state.spec;
    await this.host.restPorts(Object.values(instance.state.ports), `${this.name}/${component}`);
    if (this.instances.get(instance.id) !== instance) return;
    this.instances.delete(instance.id);
    await instance.forget();
    await this.keepOutput(instance);
    this.hub.removed(instance.id);
  }

  private async keepOutput({ dir, id }: Instance): Promise<void> {
    const stopped = this.stoppedDirectory();
    await mkdir(stopped, { recursive: true, mode: 0o700 });
    for (const part of ['data', 'secrets', 'tls'])
      await rm(join(dir, part), { recursive: true, force: true });
    await rm(join(stopped, id), { recursive: true, force: true });
    if (existsSync(dir)) await rename(dir, join(stopped, id));
    const kept = readdirSync(stopped)
      .map((name) => ({ name, atMs: statSync(join(stopped, name)).ctimeMs }))
      .sort((a, b) => b.atMs - a.atMs);
    for (const { name } of kept.slice(STOPPED_KEPT))
      await rm(join(stopped, name), { recursive: true, force: true });
  }

  private stoppedDirectory(): string {
    return join(this.dir, 'stopped');
  }

  /** Where the output of an instance lies, also of one stopped lately. */
  outputDirectory(id: string): string | undefined {
    assertName(id, 'instance');
    const stopped = join(this.stoppedDirectory(), id);
    return this.instances.get(id)?.dir ?? (existsSync(stopped) ? stopped : undefined);
  }

  private absentStatus(id: string, epoch: Epoch): agent.InstanceStatus {
    const atMs = this.host.nowMs();
    return {
      level: this.name,
      id,
      component: '',
      class: '',
      version: '',
      state: 'stopped',
      health: 'unknown',
      pid: 0,
      ports: {},
      startedAtMs: 0,
      changedAtMs: atMs,
      exitKnown: false,
      exitCode: 0,
      restarts: 0,
      detail: 'nothing of this id was here',
      epoch,
      host: this.host.host,
    };
  }

  /** Resolves when no start that was admitted is still under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.creating.values());
  }

  statuses(): agent.InstanceStatus[] {
    return [...this.instances.values()].map((instance) => instance.status());
  }

  ensureListeners(request: agent.ListenersRequest): Promise<agent.Listener[]> {
    return this.exclusively(async () => {
      await this.admit(request.act, 'listen');
      for (const { name } of request.listeners) assertListenerName(name);
      const { placed, answered } = await placeListeners(
        this.name,
        request.listeners,
        this.host.drivers.docker,
      );
      const held = await this.host.listeners.ensure(this.name, placed, (listeners) =>
        this.saved.update({ listeners }),
      );
      return [...held, ...answered];
    });
  }

  releaseListeners(request: agent.ListenersRequest): Promise<void> {
    return this.exclusively(async () => {
      await this.admit(request.act, 'release');
      await this.letGoOf(request.listeners.map(({ name }) => name));
    });
  }

  async letGoOf(names: readonly string[] | 'all'): Promise<void> {
    const ports = await this.host.listeners.release(this.name, names, (listeners) =>
      this.saved.update({ listeners }),
    );
    await this.host.restPorts(ports, `${this.name}/listeners`);
  }

  info(): agent.LevelInfo {
    const { level, parent, incarnation, highest } = this.state;
    return {
      level,
      parent,
      incarnation,
      highestEpoch: highest,
      management: this.management.map((instance) => instance.status()),
      listeners: this.host.listeners.list(level),
    };
  }

  async forget(): Promise<void> {
    this.hub.close();
    await this.saved.flushed().catch(() => undefined);
    await removeDurable(join(this.dir, 'level.json'));
    await rm(this.dir, { recursive: true, force: true });
  }
}

export const newLevelState = (level: string): LevelState => ({
  v: 1,
  level,
  parent: '',
  incarnation: 0,
  highest: ZERO_EPOCH,
  birth: null,
  listeners: {},
  recovery: null,
  purging: false,
});
