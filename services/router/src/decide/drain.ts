/**
 * What a router may acknowledge: the revision up to which its table has taken in endpoints, and which instances that are
 * on their way out still have a request here. Health stops an instance on the strength of it, so it never says less.
 */
import type { AckRecord, InstanceId, ReplicaId } from '@mitosis/contracts';

export interface TargetUse {
  readonly instance: string;
  readonly inFlight: number;
  /** False for draining targets and those the table no longer names. */
  readonly serving: boolean;
}

/** Instances with a request in flight that get no new one, sorted. */
export const busyInstances = (uses: Iterable<TargetUse>): readonly InstanceId[] => {
  const busy = new Set<string>();
  for (const use of uses) if (use.instance !== '' && use.inFlight > 0 && !use.serving) busy.add(use.instance);
  return [...busy].sort() as InstanceId[];
};

/** The acknowledgement to publish, or undefined when the last one still says it all. */
export const decideAck = (
  last: AckRecord | undefined,
  replica: ReplicaId,
  revision: number,
  busy: readonly InstanceId[],
): AckRecord | undefined => {
  const same =
    last !== undefined &&
    last.revision === revision &&
    last.busy.length === busy.length &&
    last.busy.every((id, i) => id === busy[i]);
  return same ? undefined : { v: 1, replica, revision, busy };
};
