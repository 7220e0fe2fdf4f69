/**
 * Looks after a level's etcd on this host: takes snapshots, and makes the cluster anew, from the newest of them or empty,
 * when its data is damaged beyond what etcd itself can mend. Must never delete data: what is given up is moved aside.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tailLog } from '@mitosis/actuators';
import { MANAGEMENT_COMPONENTS, MitosisError } from '@mitosis/contracts';
import { certifiedRole } from '../decide/secure-command.js';
import { tlsDirectory } from '../identity/host-identity.js';
import { endpointFlags, findEtcdctl, restoreSnapshot, saveSnapshot } from '../adapters/etcdctl.js';
import { decideEtcdRecovery } from '../decide/etcd-recovery.js';
import { dataDirectory } from '../instances/instance-plan.js';
import type { Instance } from '../instances/instance.js';
import { upgradeEtcdMembers } from './etcd-upgrade.js';
import type { HostServices } from './host-services.js';
import type { Level } from './level.js';

const SNAPSHOTS_KEPT = 3;
const ASIDE_KEPT = 3;
const OUTPUT_LINES = 60;
/** A new cluster of one or three members on one host elects within about a second. */
const HEALTHY_MS = 20_000;
const HEALTHY_POLL_MS = 100;
const MANAGER_GRACE_MS = 2_000;

const membersOf = (level: Level): readonly Instance[] =>
  level.management.filter(({ state }) => state.spec.component === MANAGEMENT_COMPONENTS.etcd);

/** Members it was started to be one of, on whatever hosts. */
const clusterSizeOf = ({ state }: Instance): number => {
  const flag = state.spec.command.find((word) => word.startsWith('--initial-cluster=')) ?? '';
  return (flag.includes('{{initial-cluster}}') ? state.initialCluster : flag).split(',').length;
};

/** `member` as the management's description has it: `--data-dir={{data}}/member`. */
const memberDirectory = (member: Instance): string => join(dataDirectory(member.dir), 'member');

/** Its processes raise it as well, when they see that the store went backwards: acts tell of it. */
const nextIncarnation = ({ state }: Level): number =>
  Math.max(state.incarnation, state.highest.incarnation) + 1;

const tlsOf = (member: Instance): string | undefined =>
  certifiedRole(member.state) === undefined ? undefined : tlsDirectory(member.dir);

export class EtcdCare {
  private warned = false;
  private readonly recovering = new Set<Level>();

  constructor(private readonly host: HostServices) {}

  /** One of a healthy member; all members hold the same. */
  async snapshot(level: Level): Promise<void> {
    const member = membersOf(level).find(({ isHealthy }) => isHealthy);
    const etcdctl = member === undefined ? undefined : this.etcdctlOf(member);
    if (member === undefined || etcdctl === undefined || this.recovering.has(level)) return;
    const directory = this.snapshotDirectory(level);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = join(directory, `${new Date(this.host.nowMs()).toISOString().replaceAll(/[:.]/g, '-')}.db`);
    const endpoint = endpointFlags(`${this.host.host}:${member.state.ports['client'] ?? 0}`, tlsOf(member));
    try {
      await saveSnapshot(etcdctl, endpoint, `${file}.saving`, this.host.paths.home);
      await rename(`${file}.saving`, file);
    } catch (error) {
      rmSync(`${file}.saving`, { force: true });
      this.host.log.warn({ level: level.name, error: String(error) }, 'no snapshot could be taken');
      return;
    }
    for (const old of newestFirst(directory, '.db').slice(SNAPSHOTS_KEPT)) rmSync(old, { force: true });
  }

  private etcdctlOf(member: Instance): string | undefined {
    const [etcd = ''] = member.state.spec.command;
    const found = findEtcdctl(etcd);
    if (found === undefined && !this.warned) {
      this.warned = true;
      this.host.log.warn({ etcd }, 'there is no etcdctl beside etcd or on the path: no snapshots are taken');
    }
    return found;
  }

  private snapshotDirectory(level: Level): string {
    return join(level.dir, 'snapshots');
  }

  /** Members of this host, to another program; while it lasts, nothing is made anew because one ends. Throws MitosisError. */
  async upgrade(level: Level, program: string): Promise<readonly string[]> {
    if (this.recovering.has(level) || level.state.purging)
      throw new MitosisError(
        'unavailable',
        `the etcd of ${level.name} is being made anew or removed already`,
      );
    this.recovering.add(level);
    try {
      return await level.exclusively(() => upgradeEtcdMembers(level, program, this.host));
    } finally {
      this.recovering.delete(level);
    }
  }

  /** After the end of a member: gives the cluster up when most of its members do not come up any more. */
  considerRecovery(level: Level): void {
    if (this.recovering.has(level) || level.state.purging) return;
    const members = membersOf(level);
    const decision = decideEtcdRecovery(
      members.map((member) => ({
        id: member.id,
        fastExits: member.fastExits,
        hasData: existsSync(memberDirectory(member)),
        output: tailLog(member.dir, OUTPUT_LINES).text,
      })),
      Math.max(...members.map(clusterSizeOf)),
    );
    if (decision.kind === 'wait') return;
    this.host.log.error({ level: level.name, reason: decision.reason }, 'etcd is made anew');
    const snapshot = newestFirst(this.snapshotDirectory(level), '.db')[0] ?? '';
    void this.recover(level, snapshot, nextIncarnation(level));
  }

  /**
   * For a person: from this file, under a newer incarnation, which it returns. Throws MitosisError, before anything is
   * stopped, when the file is no snapshot or when members of the cluster live elsewhere.
   */
  async restore(level: Level, file: string): Promise<number> {
    const members = membersOf(level);
    const [first] = members;
    if (first === undefined) throw new MitosisError('not_found', `no etcd member of ${level.name} is here`);
    const cluster = first.state.initialCluster.split(',').length;
    if (cluster !== members.length)
      throw new MitosisError(
        'conflict',
        `${members.length} of ${cluster} etcd members of ${level.name} are on this host: all must be, to be made anew`,
      );
    if (this.recovering.has(level) || level.state.purging)
      throw new MitosisError(
        'unavailable',
        `the etcd of ${level.name} is being made anew or removed already`,
      );
    // From here on no snapshot is taken and no other recovery begins.
    this.recovering.add(level);
    try {
      const snapshot = await this.provenCopy(level, first, file);
      const incarnation = nextIncarnation(level);
      await this.makeAnew(level, snapshot, incarnation);
      return incarnation;
    } finally {
      this.recovering.delete(level);
    }
  }

  /** A copy of the file, of which a member could be made: it is still there when the next agent has to go on with it. */
  private async provenCopy(level: Level, member: Instance, file: string): Promise<string> {
    const etcdctl = this.etcdctlOf(member);
    if (etcdctl === undefined) throw new MitosisError('unavailable', 'there is no etcdctl on this host');
    const copy = join(level.dir, 'restore.snapshot');
    const trial = join(level.dir, 'restore.trial');
    await rm(trial, { recursive: true, force: true });
    try {
      await copyFile(file, copy);
      const peerUrl = 'http://127.0.0.1:1';
      const initialCluster = `${member.id}=${peerUrl}`;
      const target = { file: copy, dataDir: trial, name: member.id, initialCluster, token: 'trial', peerUrl };
      await restoreSnapshot(etcdctl, target, this.host.paths.home);
    } catch (error) {
      throw new MitosisError(
        'invalid_input',
        `${file} is no etcd snapshot that can be read: ${String(error)}`,
        {
          cause: error,
        },
      );
    } finally {
      await rm(trial, { recursive: true, force: true });
    }
    return copy;
  }

  /** At the agent's start: goes on with what the last one began. */
  resume(level: Level): void {
    const { recovery } = level.state;
    if (recovery !== null) void this.recover(level, recovery.snapshot, recovery.incarnation);
  }

  private async recover(level: Level, snapshot: string, incarnation: number): Promise<void> {
    this.recovering.add(level);
    try {
      await this.makeAnew(level, snapshot, incarnation);
    } catch (error) {
      this.host.log.error({ level: level.name, error: String(error) }, 'etcd could not be made anew');
    } finally {
      this.recovering.delete(level);
    }
  }

  /**
   * The intent is on disk until the management has begun anew, too: whoever goes on under the old incarnation is refused by
   * every agent, and nobody would restart it.
   */
  private async makeAnew(level: Level, snapshot: string, incarnation: number): Promise<void> {
    if (level.state.incarnation < incarnation)
      await level.exclusively(() => this.recoverNow(level, snapshot, incarnation));
    await this.restartManagement(level);
    await level.saved.update({ recovery: null });
  }

  private async recoverNow(level: Level, snapshot: string, incarnation: number): Promise<void> {
    await level.saved.update({ recovery: { snapshot, incarnation } });
    const members = membersOf(level);
    try {
      await Promise.all(members.map((member) => member.hold(0)));
      if (!(await this.restoreAll(members, snapshot, incarnation, level.name))) {
        // Members restored before the failure must not meet empty ones.
        if (snapshot !== '')
          for (const member of members) rmSync(donePath(member, incarnation), { force: true });
        await level.saved.update({ recovery: { snapshot: '', incarnation } });
        for (const member of members) await this.startEmpty(member, incarnation);
      }
      await level.saved.update({ incarnation });
    } finally {
      await Promise.all(members.map((member) => member.letGo()));
    }
    this.host.log.warn({ level: level.name, incarnation, snapshot }, 'etcd was made anew');
  }

  private async restoreAll(
    members: readonly Instance[],
    snapshot: string,
    incarnation: number,
    level: string,
  ): Promise<boolean> {
    const [first] = members;
    const etcdctl = first === undefined ? undefined : this.etcdctlOf(first);
    if (snapshot === '' || etcdctl === undefined || !existsSync(snapshot)) return false;
    try {
      for (const member of members) {
        if (isDone(member, incarnation)) continue;
        const restored = `${memberDirectory(member)}.restored`;
        await rm(restored, { recursive: true, force: true });
        const target = {
          file: snapshot,
          dataDir: restored,
          name: member.id,
          initialCluster: member.state.initialCluster,
          token: `${level}.${incarnation}`,
          peerUrl: `${tlsOf(member) === undefined ? 'http' : 'https'}://${this.host.host}:${member.state.ports['peer'] ?? 0}`,
        };
        await restoreSnapshot(etcdctl, target, this.host.paths.home);
        await this.moveAside(member);
        await rename(restored, memberDirectory(member));
        await markDone(member, incarnation);
      }
      return true;
    } catch (error) {
      this.host.log.error({ level, snapshot, error: String(error) }, 'the snapshot cannot be restored');
      return false;
    }
  }

  private async startEmpty(member: Instance, incarnation: number): Promise<void> {
    if (isDone(member, incarnation)) return;
    await this.moveAside(member);
    await markDone(member, incarnation);
  }

  private async moveAside(member: Instance): Promise<void> {
    if (!existsSync(memberDirectory(member))) return;
    const aside = join(member.dir, 'aside');
    await mkdir(aside, { recursive: true, mode: 0o700 });
    await rename(memberDirectory(member), join(aside, String(this.host.nowMs())));
    for (const old of newestFirst(aside, '').slice(ASIDE_KEPT))
      await rm(old, { recursive: true, force: true });
  }

  /** Managers at once, so that they lead under the new incarnation; routers one after the other, each draining first. */
  private async restartManagement(level: Level): Promise<void> {
    const etcd = membersOf(level);
    for (
      let waited = 0;
      waited < HEALTHY_MS && !etcd.some(({ isHealthy }) => isHealthy);
      waited += HEALTHY_POLL_MS
    )
      await new Promise((resolve) => setTimeout(resolve, HEALTHY_POLL_MS));
    const others = level.management.filter((one) => !etcd.includes(one));
    const routers = others.filter(({ state }) => state.spec.component === MANAGEMENT_COMPONENTS.router);
    const managers = others.filter((one) => !routers.includes(one));
    await Promise.all(
      managers.map(async (manager) => {
        await manager.hold(MANAGER_GRACE_MS);
        await manager.letGo();
      }),
    );
    await level.restartInTurn(() => routers);
  }
}

const donePath = (member: Instance, incarnation: number): string =>
  join(dataDirectory(member.dir), `made-anew-${incarnation}`);
const isDone = (member: Instance, incarnation: number): boolean => existsSync(donePath(member, incarnation));
const markDone = (member: Instance, incarnation: number): Promise<void> =>
  writeFile(donePath(member, incarnation), '');

const newestFirst = (directory: string, suffix: string): readonly string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name.endsWith(suffix))
        .map((name) => join(directory, name))
        .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
    : [];
