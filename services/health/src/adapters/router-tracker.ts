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
      if (live.has(replica) || nowMs - sinceMs > REMEMBER_MS) this.goneSinceMs.delete(replica);
    }
    this.known = live;
    return live;
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
