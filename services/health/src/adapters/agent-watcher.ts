/**
 * What the agents of all sites report of this level, on every replica, so that a new leader knows at once. A broken
 * stream keeps the last report and says that it is not in sync: silence is unknown, never absence.
 */
import { instanceId, type agent, type InstanceId, type SiteId } from '@mitosis/contracts';
import { every, pause, type Clock } from '@mitosis/coordination';
import type { Peers } from '@mitosis/service-kit';
import type { SiteObservation } from '../decide/input.js';

const HELLO_RETRY_MS = 500;
const TICK_MS = 1_000;
/** Between two ticks; in more this process stood still, or somebody set the clock, and nobody listened. */
const LISTENED_MAX_MS = 5_000;

interface Site {
  readonly address: string;
  readonly ending: AbortController;
  statuses: Map<InstanceId, agent.InstanceStatus>;
  /** What a new stream has told so far; undefined once it is in sync. */
  arriving: Map<InstanceId, agent.InstanceStatus> | undefined;
  synced: boolean;
  /** While it is not in sync. Only time counts in which it was listened for. */
  silentSinceMs: number;
  host: string;
}

export interface AgentWatcherOptions {
  readonly level: string;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly nowMs: () => number;
  readonly onChange: () => void;
}

export class AgentWatcher {
  private readonly sites = new Map<SiteId, Site>();
  version = 0;
  private tickedMs: number;
  private readonly stopTicking: () => void;

  constructor(private readonly options: AgentWatcherOptions) {
    this.tickedMs = options.nowMs();
    this.stopTicking = every(options.clock, TICK_MS, () => this.tick());
  }

  /** Watches exactly these; a site whose address changed is watched anew. */
  watch(addresses: ReadonlyMap<SiteId, string>): void {
    for (const [id, site] of this.sites) {
      if (addresses.get(id) === site.address) continue;
      site.ending.abort();
      this.sites.delete(id);
      this.changed();
    }
    for (const [id, address] of addresses) {
      if (!this.sites.has(id)) this.open(id, address);
    }
  }

  observations(): ReadonlyMap<SiteId, SiteObservation> {
    return new Map(
      [...this.sites].map(([id, { synced, host, statuses, silentSinceMs }]) => [
        id,
        { synced, host, statuses, ...(synced ? {} : { silentSinceMs }) },
      ]),
    );
  }

  /** The agent's answer to an act, which may come before its event. */
  apply(site: SiteId, status: agent.InstanceStatus): void {
    const known = this.sites.get(site);
    if (known === undefined) return;
    const before = known.statuses.get(instanceId(status.id));
    // The stream was faster and knows more.
    if (before !== undefined && before.changedAtMs > status.changedAtMs) return;
    // The event that it was removed may have come before this answer; it must not come back by it.
    if (status.state === 'stopped') this.remove(known, instanceId(status.id));
    else this.put(known, status);
    this.changed();
  }

  close(): void {
    this.stopTicking();
    for (const { ending } of this.sites.values()) ending.abort();
    this.sites.clear();
  }

  /** What was not listened for is no silence: members of etcd are given up for it. */
  private tick(): void {
    const nowMs = this.options.nowMs();
    const unheardMs = nowMs - this.tickedMs;
    this.tickedMs = nowMs;
    if (unheardMs <= LISTENED_MAX_MS) return;
    for (const site of this.sites.values())
      site.silentSinceMs = Math.min(nowMs, site.silentSinceMs + unheardMs);
    this.changed();
  }

  private open(id: SiteId, address: string): void {
    const site: Site = {
      address,
      ending: new AbortController(),
      statuses: new Map(),
      arriving: new Map(),
      synced: false,
      silentSinceMs: this.options.nowMs(),
      host: '',
    };
    this.sites.set(id, site);
    const { peers, level } = this.options;
    peers.stream(
      'agent',
      address,
      'watch',
      { level },
      {
        onMessage: (message) => this.onEvent(site, message),
        onState: (state) => this.onState(site, state),
      },
      site.ending.signal,
    );
  }

  private onState(site: Site, state: 'open' | 'broken'): void {
    site.arriving = new Map();
    if (site.synced) site.silentSinceMs = this.options.nowMs();
    site.synced = false;
    if (state === 'open') void this.hello(site);
    this.changed();
  }

  private onEvent(site: Site, message: agent.AgentEvent): void {
    const { event } = message;
    switch (event?.$case) {
      case 'status':
        this.put(site, event.value);
        break;
      case 'removed':
        this.remove(site, instanceId(event.value));
        break;
      case 'synced':
        // What the agent did not name any more is gone: only now, and only by its word.
        if (site.arriving !== undefined) site.statuses = site.arriving;
        site.arriving = undefined;
        site.synced = true;
        break;
      case undefined:
        return;
      default:
        event satisfies never;
    }
    // Before it is in sync nothing may be concluded, so nobody needs to look.
    if (site.synced) this.changed();
  }

  private put(site: Site, status: agent.InstanceStatus): void {
    site.statuses.set(instanceId(status.id), status);
    site.arriving?.set(instanceId(status.id), status);
  }

  private remove(site: Site, id: InstanceId): void {
    site.statuses.delete(id);
    site.arriving?.delete(id);
  }

  /** The host's address, which no event carries while nothing runs there. */
  private async hello(site: Site): Promise<void> {
    const { signal } = site.ending;
    while (!signal.aborted && site.host === '') {
      try {
        const info = await this.options.peers.call('agent', site.address, 'hello', {}, { signal });
        site.host = info.host;
        this.changed();
      } catch {
        await pause(this.options.clock, HELLO_RETRY_MS, signal);
      }
    }
  }

  private changed(): void {
    this.version += 1;
    this.options.onChange();
  }
}
