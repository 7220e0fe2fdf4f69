/**
 * The agent of one host: its levels, from their records on disk to the processes that run. Starts from whatever its
 * predecessor left, at whatever point that ended. Knows nothing of gRPC.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { hostPaths, readBootId, rotateLog, scanProcesses, type HostPaths } from '@mitosis/actuators';
import {
  compareEpochs,
  MANAGEMENT_COMPONENTS,
  MitosisError,
  type agent,
  type Epoch,
} from '@mitosis/contracts';
import { historyDirectory, Journal } from '@mitosis/history';
import { DEFAULT_DOCKER, readPortRange, type AgentConfig } from './agent.config.js';
import { killTasks } from './adapters/leftover-tasks.js';
import type { Log } from './adapters/log.js';
import { certifiedRole } from './decide/secure-command.js';
import { HostSecrets } from './identity/host-secrets.js';
import { HostIdentity, isWanted, tlsDirectory } from './identity/host-identity.js';
import { isWithin } from './decide/names.js';
import { Drivers } from './drivers.js';
import type { Instance } from './instances/instance.js';
import { PortBook } from './instances/port-book.js';
import { birthLevel, completeBirth, ROOT_EPOCH } from './levels/birth.js';
import { EtcdCare } from './levels/etcd-care.js';
import { EtcdUpkeep } from './levels/etcd-upkeep.js';
import type { HostServices } from './levels/host-services.js';
import { assertName } from './levels/assertions.js';
import { Level, levelDirectory, newLevelState } from './levels/level.js';
import { purgeLevels } from './levels/purge.js';
import { inheritedSockets, Keeper } from './listeners/keeper.js';
import { ListenerTable } from './listeners/listener-table.js';
import { loadHost, loadLevels, type LoadedLevel } from './state/load.js';
import type { HostState, LevelState } from './state/records.js';
import { Saved } from './state/saved.js';
import { joinDesk, type JoinDesk } from './serve/join-desk.js';
import { TombstoneLog } from './state/tombstone-log.js';

/** Half-done starts of a killed predecessor show within milliseconds; afterwards there is little to find. */
const FIRST_SWEEP_MS = 500;
const SWEEP_EVERY_MS = 5_000;
const ROTATE_EVERY_MS = 2_000;
/** Certificates live hours and are renewed at half of that; shorter ones are looked at ten times in their life. */
const RENEW_EVERY_MS = 60_000;
const FIRST_SNAPSHOT_MS = 20_000;
const AGENT_LOG_MAX = 4 * 1024 * 1024;
const PURGED_KEPT = 1_000;
/** A message of a removed level cannot be under way for longer than this. */
const PURGED_FENCE_MS = 600_000;
const LOG_MAX_DEFAULT = 8 * 1024 * 1024;

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs?: () => number;
}

export class Agent {
  readonly levels = new Map<string, Level>();
  private readonly opening = new Map<string, Promise<Level>>();
  private purging: Promise<readonly string[]> = Promise.resolve([]);
  private readonly timers: NodeJS.Timeout[] = [];

  private constructor(
    readonly paths: HostPaths,
    private readonly config: AgentConfig,
    private readonly hostState: Saved<HostState>,
    readonly services: HostServices,
    private readonly care: EtcdCare,
    readonly joins: JoinDesk,
  ) {}

  static async start({ config, log, env, nowMs = Date.now }: AgentOptions): Promise<Agent> {
    const paths = hostPaths(config.home);
    const recorded = await loadHost(paths.home, log);
    const hostState = new Saved<HostState>(join(paths.home, 'host.json'), {
      ...recorded,
      host: config.host ?? (recorded.host || '127.0.0.1'),
      listen: config.listen ?? recorded.listen,
      ports: config.ports ?? recorded.ports ?? '',
      tls: config.tls ?? recorded.tls ?? '',
      docker: config.docker ?? recorded.docker ?? DEFAULT_DOCKER,
    });
    if (JSON.stringify(hostState.value) !== JSON.stringify(recorded)) await hostState.save();
    const drivers = new Drivers({
      home: paths.home,
      docker: hostState.value.docker ?? DEFAULT_DOCKER,
      nowMs,
      onDockerState: ({ usable, detail }) =>
        usable ? log.info({ detail }, 'docker') : log.warn({ detail }, 'docker is not usable'),
    });
    const holder: { agent?: Agent } = {};
    const ports = new PortBook({
      range: readPortRange(hostState.value.ports ?? ''),
      seed: createHash('sha256').update(paths.home).digest().readUInt32BE(0),
      inUse: () => holder.agent?.portsInUse() ?? [],
      nowMs,
    });
    ports.restore(recorded.resting);
    const listeners = new ListenerTable({
      held: config.sockets === 'agent',
      ports,
      keeper: new Keeper(paths),
      log,
      onBound: (level) => holder.agent?.onListenerBound(level),
    });
    const { host } = hostState.value;
    const identity = new HostIdentity({
      paths,
      host,
      wanted: isWanted(hostState.value),
      ttlMs: config.certificateTtlMs,
      log,
      nowMs,
    });
    const services = {
      identity,
      secrets: new HostSecrets(paths.home),
      paths,
      host,
      bootId: readBootId(),
      drivers,
      ports,
      listeners,
      log,
      history: new Journal({ directory: historyDirectory(paths.home), party: 'agent', name: 'agent', nowMs }),
      nowMs,
      restPorts: async (numbers: readonly number[], owner: string) => {
        if (numbers.length > 0) await hostState.update({ resting: ports.release(numbers, owner) });
      },
      onExit: (level: Level, instance: Instance) => holder.agent?.onExit(level, instance),
    };
    const agent = new Agent(paths, config, hostState, services, new EtcdCare(services), joinDesk(services));
    holder.agent = agent;
    await agent.recover(env);
    agent.runTimers();
    return agent;
  }

  get listen(): string {
    return this.hostState.value.listen;
  }

  private async recover(env: Readonly<Record<string, string | undefined>>): Promise<void> {
    const { log, nowMs, drivers, listeners, bootId } = this.services;
    const scan = scanProcesses(this.paths.home);
    killTasks(scan);
    const loaded = await loadLevels({ home: this.paths.home, scan, log, nowMs: nowMs() });
    const inherited = inheritedSockets(env);
    // Sockets before instances: a management process that is started again may need them.
    for (const { state } of loaded) listeners.restore(state.level, state.listeners, inherited);
    for (const level of loaded) await this.restoreLevel(level);
    const all = [...this.levels.values()].flatMap((level) => [...level.instances.values()]);
    await drivers.adopt(all, bootId);
    log.info({ levels: this.levels.size, instances: all.length, inherited: inherited.length }, 'recovered');
    for (const level of this.levels.values()) this.finishWhatWasBegun(level);
    if (listeners.ports().length > 0)
      void listeners.keep().catch((error: unknown) => log.error({ error: String(error) }, 'no keeper'));
  }

  private async restoreLevel({ state, instances, damaged }: LoadedLevel): Promise<void> {
    const level = await this.makeLevel(state);
    await level.prepare();
    const told = (error: unknown): void =>
      this.services.log.error(
        { level: state.level, error: String(error) },
        'a state file could not be mended',
      );
    for (const { state: recorded, dir, damaged } of instances) {
      // A record found by its processes alone has none.
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const instance = level.adopt(recorded, dir);
      if (damaged) void instance.saveNow().catch(told);
    }
    if (damaged) void level.saved.save().catch(told);
  }

  private async makeLevel(state: LevelState): Promise<Level> {
    const dir = levelDirectory(this.paths.home, state.level);
    const tombstones = await TombstoneLog.open(join(dir, 'tombstones'));
    const level = new Level(new Saved(join(dir, 'level.json'), state), tombstones, this.services);
    this.levels.set(state.level, level);
    return level;
  }

  private finishWhatWasBegun(level: Level): void {
    const { log } = this.services;
    const tell = (what: string) => (error: unknown) =>
      log.error(
        { level: level.name, error: String(error) },
        `${what} of an earlier agent could not be finished`,
      );
    if (level.state.purging) {
      void this.purge(level.name).catch(tell('the removal'));
      return;
    }
    for (const instance of level.instances.values())
      if (level.tombstones.has(instance.id)) void level.finishStop(instance, -1).catch(tell('the stop'));
    this.care.resume(level);
    void level.exclusively(() => completeBirth(level, this.services)).catch(tell('the birth'));
  }

  private runTimers(): void {
    const { log } = this.services;
    const told = (error: unknown): void => log.error({ error: String(error) }, 'a periodic task failed');
    const every = (ms: number, work: () => Promise<void>): void => {
      let running = false;
      const timer = setInterval(() => {
        if (running) return;
        running = true;
        void work()
          .catch(told)
          .finally(() => (running = false));
      }, ms);
      this.timers.push(timer.unref());
    };
    const once = (ms: number, work: () => Promise<void>): void => {
      const timer = setTimeout(() => void work().catch(told), ms);
      this.timers.push(timer.unref());
    };
    once(FIRST_SWEEP_MS, () => this.sweep());
    every(SWEEP_EVERY_MS, () => this.sweep());
    every(ROTATE_EVERY_MS, () => this.rotateLogs());
    once(0, () => this.renewCertificates());
    every(Math.min(RENEW_EVERY_MS, this.config.certificateTtlMs / 10), () => this.renewCertificates());
    once(FIRST_SNAPSHOT_MS, () => this.snapshots());
    every(this.config.snapshotIntervalMs, () => this.snapshots());
    const upkeep = new EtcdUpkeep(this.services);
    every(this.config.upkeepIntervalMs, () => upkeep.tidy(this.levels.values()));
  }

  /** Processes with this host's mark that no record names: of half-done starts and of stopped ids. */
  private async sweep(): Promise<void> {
    for (const actuator of this.services.drivers.all) {
      const strays = await actuator.sweep(
        ({ level, id, run }) => this.levels.get(level)?.instances.get(id)?.owns(run) ?? false,
      );
      if (strays.length > 0) this.services.log.warn({ driver: actuator.driver, strays }, 'strays were ended');
    }
  }

  private async rotateLogs(): Promise<void> {
    for (const level of this.levels.values())
      for (const instance of level.instances.values())
        if (instance.isUp) {
          const max = instance.state.spec.logMaxBytes;
          await rotateLog(instance.dir, max > 0 ? max : LOG_MAX_DEFAULT);
        }
    const own = this.paths.agentLog;
    if (existsSync(own) && statSync(own).size > AGENT_LOG_MAX) {
      copyFileSync(own, `${own}.1`);
      truncateSync(own);
    }
  }

  private async snapshots(): Promise<void> {
    for (const level of this.levels.values()) await this.care.snapshot(level);
  }

  private async renewCertificates(): Promise<void> {
    const instances = [...this.levels.values()].flatMap((level) => [...level.instances.values()]);
    await this.services.identity.renew(
      instances.flatMap(({ state, id, dir, isUp }) => {
        const role = isUp ? certifiedRole(state) : undefined;
        return role === undefined
          ? []
          : [{ name: { level: state.level, role, id }, directory: tlsDirectory(dir) }];
      }),
    );
  }

  private onExit(level: Level, instance: Instance): void {
    if (instance.state.spec.component === MANAGEMENT_COMPONENTS.etcd) this.care.considerRecovery(level);
  }

  /** Routers started while a socket was missing get it by a restart, one after the other. */
  private onListenerBound(name: string): void {
    const level = this.levels.get(name);
    if (level === undefined) return;
    const lacking = (): readonly Instance[] => level.management.filter(({ lacks }) => lacks.length > 0);
    level
      .restartInTurn(lacking)
      .catch((error: unknown) =>
        this.services.log.error({ level: name, error: String(error) }, 'a router was not restarted'),
      );
  }

  private portsInUse(): readonly number[] {
    const instances = [...this.levels.values()].flatMap((level) => [...level.instances.values()]);
    return [
      ...instances.flatMap(({ state }) => Object.values(state.ports)),
      ...this.services.listeners.ports(),
    ];
  }

  /** The level, known or new. Throws MitosisError `fenced` for acts of a level removed a short while ago. */
  async level(name: string, epoch: Epoch | undefined): Promise<Level> {
    assertName(name, 'level');
    const known = this.levels.get(name);
    if (known !== undefined) return known;
    const purged = this.purgedMemory(name);
    if (
      purged !== undefined &&
      epoch !== undefined &&
      compareEpochs(epoch, purged.highest) <= 0 &&
      this.services.nowMs() - purged.atMs < PURGED_FENCE_MS
    )
      throw new MitosisError('fenced', `level ${name} was removed; the epoch of this act is from before`);
    const opening =
      this.opening.get(name) ?? this.makeLevel(newLevelState(name)).finally(() => this.opening.delete(name));
    this.opening.set(name, opening);
    return opening;
  }

  private purgedMemory(name: string): HostState['purged'][number] | undefined {
    return this.hostState.value.purged.find(({ level }) => level === name);
  }

  async birth(request: agent.BirthRequest): Promise<agent.BirthReply> {
    let epoch = ROOT_EPOCH;
    if (request.parent !== '') {
      if (request.act?.level !== request.parent)
        throw new MitosisError('invalid_input', `a birth of ${request.level} is an act of ${request.parent}`);
      epoch = await (await this.level(request.parent, request.act.epoch)).admit(request.act, 'birth');
    }
    const level = await this.level(request.level, undefined);
    return level.exclusively(async () => {
      if (level.state.purging) throw new MitosisError('unavailable', `${level.name} is being removed`);
      await level.prepare();
      const remembered = Math.max(
        this.purgedMemory(level.name)?.incarnation ?? 0,
        level.state.incarnation,
        level.state.highest.incarnation,
      );
      const incarnation = Math.max(request.incarnation, remembered + 1);
      return birthLevel(level, this.services, { request, epoch, incarnation });
    });
  }

  /** The level and everything below it; ids of what was stopped. */
  purge(name: string, what = { volumes: false }): Promise<readonly string[]> {
    assertName(name, 'level');
    const purging = this.purging.catch(() => []).then(() => this.purgeNow(name, what));
    this.purging = purging;
    return purging;
  }

  private async purgeNow(name: string, what: { readonly volumes: boolean }): Promise<readonly string[]> {
    const doomed = [...this.levels.values()].filter((level) => isWithin(name, level.name));
    const stopped = await purgeLevels(doomed, this.services, what, async (level) => {
      const { incarnation, highest } = level.state;
      this.services.history.record({ k: 'purge', level: level.name });
      const memory = { level: level.name, incarnation, highest, atMs: this.services.nowMs() };
      const others = this.hostState.value.purged.filter((one) => one.level !== level.name);
      await this.hostState.update({ purged: [...others, memory].slice(-PURGED_KEPT) });
      this.levels.delete(level.name);
    });
    await this.sweep();
    return stopped;
  }

  /** The level's store from a snapshot file; its new incarnation. Throws MitosisError. */
  async restore(name: string, file: string): Promise<number> {
    return this.care.restore(this.known(name), file);
  }
  /** Ids of the members that were restarted. Throws MitosisError. */
  upgradeEtcd(name: string, program: string): Promise<readonly string[]> {
    return this.care.upgrade(this.known(name), program);
  }
  private known(name: string): Level {
    const level = this.levels.get(name);
    if (level === undefined) throw new MitosisError('not_found', `there is no level ${name} here`);
    return level;
  }
  get livingLevels(): readonly Level[] {
    return [...this.levels.values()].filter(({ lives }) => lives);
  }

  async info(): Promise<Pick<agent.AgentInfo, 'host' | 'pid' | 'stateDir' | 'bootId' | 'drivers'>> {
    return {
      host: this.services.host,
      pid: process.pid,
      stateDir: this.paths.home,
      bootId: this.services.bootId,
      drivers: await this.services.drivers.info(),
    };
  }

  /** Leaves everything running. */
  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.joins.close();
    this.services.listeners.close();
    this.services.drivers.close();
  }
}
