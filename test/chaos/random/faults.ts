/** Carries one event of the schedule out on a host, on whoever plays that part at that moment. */
import { join } from 'node:path';
import { MANAGEMENT_COMPONENTS } from '@mitosis/contracts';
import type { Host } from '../../level/host.js';
import type { HostProcess } from '../../level/processes.js';
import { LEVEL } from './composition.js';
import { connectionsOf, drop, toPort, type Rule } from './network.js';
import type { ChaosEvent } from './schedule.js';

/** What was done, or why not: a fault that nobody could survive is left out. */
export type Outcome =
  | { readonly kind: 'done'; readonly target: string; readonly heal?: () => void }
  | { readonly kind: 'skipped'; readonly why: string };

const skipped = (why: string): Outcome => ({ kind: 'skipped', why });
const APPLICATION = ['front', 'store'] as const;

export class Faults {
  /** Of processes that are stopped now. */
  private readonly stopped = new Set<number>();
  private snapshots = 0;

  constructor(private readonly host: Host) {}

  carryOut(event: ChaosEvent): Promise<Outcome> | Outcome {
    switch (event.fault) {
      case 'kill-application':
        return this.killApplication(event);
      case 'kill-application-and-leader':
        return this.killApplication(event, true);
      case 'kill-leader':
        return this.killOne(this.leaderId());
      case 'kill-manager':
        return this.killOne(this.pick(MANAGEMENT_COMPONENTS.manager, event));
      case 'kill-managers':
        return this.killAll(MANAGEMENT_COMPONENTS.manager);
      case 'kill-router':
        return this.killRouter(event);
      case 'kill-etcd':
        return this.killOne(this.pick(MANAGEMENT_COMPONENTS.etcd, event));
      case 'kill-agent':
        return this.signalAgent('SIGKILL');
      case 'stop-leader':
        return this.stopOne(this.leaderId());
      case 'stop-router':
        return this.stopOne(this.pick(MANAGEMENT_COMPONENTS.router, event));
      case 'stop-etcd':
        return this.stopOne(this.pick(MANAGEMENT_COMPONENTS.etcd, event));
      case 'stop-agent':
        return this.signalAgent('SIGSTOP');
      case 'stop-application':
        return this.stopOne(this.pick(this.component(event), event));
      case 'scale':
        return this.scale(event);
      case 'isolate-etcd':
        return this.isolateEtcd(event);
      case 'cut-leader-from-store':
        return this.cutLeader();
      case 'cut-store':
        return this.cut('every etcd client port', this.etcdPorts('client').flatMap(toPort));
      case 'snapshot':
        return this.snapshot();
      case 'restore':
        return this.restore();
      default:
        return event.fault satisfies never;
    }
  }

  /** Whatever is stopped goes on. */
  resumeAll(): void {
    for (const pid of this.stopped) signal([pid], 'SIGCONT');
    this.stopped.clear();
  }

  private instances(component: string): ReadonlyMap<string, readonly HostProcess[]> {
    const found = new Map<string, HostProcess[]>();
    for (const one of this.host.processes()) {
      if (!one.instance.startsWith(`${component}-`)) continue;
      found.set(one.instance, [...(found.get(one.instance) ?? []), one]);
    }
    return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  private component({ pick }: ChaosEvent): string {
    return APPLICATION[Math.floor(pick * 1_000) % APPLICATION.length] ?? 'front';
  }

  private pick(component: string, { pick }: ChaosEvent): string | undefined {
    const ids = [...this.instances(component).keys()];
    return ids[Math.floor(pick * ids.length)];
  }

  private pidsOf(id: string): readonly number[] {
    return this.host
      .processes()
      .filter(({ instance }) => instance === id)
      .map(({ pid }) => pid);
  }

  private async leaderId(): Promise<string | undefined> {
    const { directory } = await this.host.level(LEVEL);
    return directory.leaders.find((leader) => leader.function === 'health')?.replica;
  }

  private async killOne(id: Promise<string | undefined> | string | undefined): Promise<Outcome> {
    const target = await id;
    if (target === undefined) return skipped('there is none');
    signal(this.pidsOf(target), 'SIGKILL');
    return { kind: 'done', target };
  }

  private killAll(component: string): Outcome {
    const ids = [...this.instances(component).keys()];
    signal(
      ids.flatMap((id) => this.pidsOf(id)),
      'SIGKILL',
    );
    return { kind: 'done', target: ids.join(' ') };
  }

  /** Never the last ready one: no management could keep its requests from failing. */
  private async killApplication(event: ChaosEvent, withLeader = false): Promise<Outcome> {
    const component = this.component(event);
    const { graph, directory } = await this.host.level(LEVEL);
    const alive = this.instances(component);
    const ready = graph.instances.filter(
      ({ id, phase }) => phase === 'ready' && alive.has(id) && !this.isStopped(id),
    );
    const victims = ready.filter((one) => one.component === component).map(({ id }) => id);
    const victim = victims[Math.floor(event.pick * victims.length)];
    if (victims.length < 2 || victim === undefined) return skipped(`${victims.length} of ${component} ready`);
    signal(this.pidsOf(victim), 'SIGKILL');
    if (!withLeader) return { kind: 'done', target: victim };
    const leader = directory.leaders.find((one) => one.function === 'health')?.replica ?? '';
    signal(this.pidsOf(leader), 'SIGKILL');
    return { kind: 'done', target: `${victim} ${leader}` };
  }

  private isStopped(id: string): boolean {
    return this.pidsOf(id).some((pid) => this.stopped.has(pid));
  }

  private async killRouter(event: ChaosEvent): Promise<Outcome> {
    const { graph } = await this.host.level(LEVEL);
    const ready = graph.instances.filter(
      ({ id, component, phase }) =>
        component === MANAGEMENT_COMPONENTS.router &&
        phase === 'ready' &&
        this.pidsOf(id).length > 1 &&
        !this.isStopped(id),
    );
    if (ready.length < 2) return skipped(`${ready.length} routers ready`);
    return this.killOne(ready[Math.floor(event.pick * ready.length)]?.id);
  }

  private async stopOne(id: Promise<string | undefined> | string | undefined): Promise<Outcome> {
    const target = await id;
    if (target === undefined) return skipped('there is none');
    return this.hold(target, this.pidsOf(target));
  }

  private hold(target: string, pids: readonly number[]): Outcome {
    signal(pids, 'SIGSTOP');
    for (const pid of pids) this.stopped.add(pid);
    return {
      kind: 'done',
      target,
      heal: () => {
        signal(pids, 'SIGCONT');
        for (const pid of pids) this.stopped.delete(pid);
      },
    };
  }

  private signalAgent(name: 'SIGKILL' | 'SIGSTOP'): Outcome {
    const pids = this.host
      .processes()
      .filter(({ instance, command }) => instance === '' && command.includes('agent'))
      .map(({ pid }) => pid);
    if (pids.length === 0) return skipped('there is none');
    if (name === 'SIGSTOP') return this.hold('agent', pids);
    signal(pids, name);
    return { kind: 'done', target: 'agent' };
  }

  private async scale(event: ChaosEvent): Promise<Outcome> {
    const wanted = `${this.component(event)}=${2 + Math.floor(event.pick * 3)}`;
    const done = await this.host.mitosis('scale', LEVEL, wanted);
    return done.code === 0 ? { kind: 'done', target: wanted } : skipped(done.stderr.trim());
  }

  private etcdPorts(name: 'client' | 'peer', id?: string): readonly number[] {
    const flag = name === 'client' ? 'listen-client-urls' : 'listen-peer-urls';
    return [...this.instances(MANAGEMENT_COMPONENTS.etcd)]
      .filter(([instance]) => id === undefined || instance === id)
      .flatMap(([, processes]) => {
        const command = processes.find((one) => !one.command.startsWith('/bin/sh'))?.command ?? '';
        const port = new RegExp(String.raw`--${flag}=https?://[^:]+:(\d+)`).exec(command)?.[1];
        return port === undefined ? [] : [Number(port)];
      });
  }

  private isolateEtcd(event: ChaosEvent): Outcome {
    const id = this.pick(MANAGEMENT_COMPONENTS.etcd, event);
    if (id === undefined) return skipped('there is none');
    const peers = this.etcdPorts('peer');
    const outgoing = this.pidsOf(id).flatMap((pid) => connectionsOf(pid, peers));
    const own = [...this.etcdPorts('client', id), ...this.etcdPorts('peer', id)];
    return this.cut(id, [...own, ...outgoing].flatMap(toPort));
  }

  /** Its open connections lose everything in both directions; it has to find out and make new ones. */
  private async cutLeader(): Promise<Outcome> {
    const id = await this.leaderId();
    if (id === undefined) return skipped('nobody leads');
    const ports = this.pidsOf(id).flatMap((pid) => connectionsOf(pid, this.etcdPorts('client')));
    return this.cut(id, ports.flatMap(toPort));
  }

  private cut(target: string, rules: readonly Rule[]): Outcome {
    if (rules.length === 0) return skipped('nothing to cut');
    return { kind: 'done', target, heal: drop(rules) };
  }

  private get snapshotFile(): string {
    return join(this.host.home, `${LEVEL}-${this.snapshots}.snapshot`);
  }

  private async snapshot(): Promise<Outcome> {
    this.snapshots += 1;
    const done = await this.host.mitosis('snapshot', LEVEL, '-o', this.snapshotFile);
    if (done.code === 0) return { kind: 'done', target: this.snapshotFile };
    this.snapshots -= 1;
    return skipped(done.stderr.trim());
  }

  private async restore(): Promise<Outcome> {
    if (this.snapshots === 0) return skipped('there is no snapshot');
    const done = await this.host.mitosis('restore', this.snapshotFile, LEVEL);
    return done.code === 0 ? { kind: 'done', target: done.stdout.trim() } : skipped(done.stderr.trim());
  }
}

const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // Gone already.
    }
  }
};
