/**
 * Routers as discovered: their acknowledgements, and when the lease of one that is gone was seen to end. Kept on every
 * replica. What ended before this process looked is taken to have ended when it first looked: later than the truth, so
 * that nothing is stopped too early.
 */
import {
  MANAGEMENT_COMPONENTS,
  type AckRecord,
  type InstanceRecord,
  type MemberRecord,
  type ReplicaId,
} from '@mitosis/contracts';
import type { RouterObservation, Versions } from '../decide/input.js';

/** Longer than any drain deadline that is waited for; then a router without a lease is forgotten. */
const REMEMBER_MS = 600_000;

export class RouterTracker {
  private readonly goneSinceMs = new Map<ReplicaId, number>();
  private known: ReadonlySet<ReplicaId> = new Set();
  /** Routers of the instance graph: whose record is gone was stopped for certain, for that is how records go. */
  private readonly recorded = new Set<string>();

  /** The store went backwards: that a record is missing says nothing any more. */
  reset(): void {
    this.recorded.clear();
  }

  /** To be called whenever members change, and before each decision. */
  observe(
    members: Versions<MemberRecord>,
    instances: Versions<InstanceRecord>,
    nowMs: number,
  ): ReadonlySet<ReplicaId> {
    const live = new Set(
      [...members.values()]
        .filter(({ value }) => value.functions.includes('router'))
        .map(({ value }) => value.replica),
    );
    const expected = [...instances.values()]
      .filter(({ value }) => value.component === MANAGEMENT_COMPONENTS.router && value.phase === 'ready')
      .map(({ value }) => value.id);
    for (const replica of [...this.known, ...expected]) {
      if (!live.has(replica) && !this.goneSinceMs.has(replica)) this.goneSinceMs.set(replica, nowMs);
    }
    for (const [replica, sinceMs] of this.goneSinceMs) {
      const stopped = this.recorded.has(replica) && !instances.has(replica);
      if (live.has(replica) || stopped || nowMs - sinceMs > REMEMBER_MS) this.goneSinceMs.delete(replica);
    }
    this.remember(instances, live);
    this.known = live;
    return live;
  }

  private remember(instances: Versions<InstanceRecord>, live: ReadonlySet<ReplicaId>): void {
    for (const { value } of instances.values()) {
      if (value.component === MANAGEMENT_COMPONENTS.router) this.recorded.add(value.id);
    }
    for (const replica of this.recorded) {
      if (!instances.has(replica) && !live.has(replica as ReplicaId)) this.recorded.delete(replica);
    }
  }

  routers(
    members: Versions<MemberRecord>,
    acks: Versions<AckRecord>,
    instances: Versions<InstanceRecord>,
    nowMs: number,
  ): readonly RouterObservation[] {
    const live = this.observe(members, instances, nowMs);
    return [
      ...[...live].map((replica): RouterObservation => {
        const ack = acks.get(replica)?.value;
        return {
          replica,
          ackRevision: ack?.revision ?? null,
          busy: new Set(ack?.busy ?? []),
          leaseEndedAtMs: null,
        };
      }),
      ...[...this.goneSinceMs].map(([replica, leaseEndedAtMs]): RouterObservation => ({
        replica,
        ackRevision: null,
        busy: new Set(),
        leaseEndedAtMs,
      })),
    ];
  }
}
