/**
 * When an etcd cluster whose members do not come up any more is given up and made anew. Only when most of its members
 * fail fast and for no reason of the surroundings: moving data aside never helps against a full disk or a taken port.
 */

export interface EtcdMember {
  readonly id: string;
  /** Ends in a row before it was ever healthy, by its own doing (not by a signal from outside). */
  readonly fastExits: number;
  readonly hasData: boolean;
  /** End of its output. */
  readonly output: string;
}

export type EtcdRecovery =
  | { readonly kind: 'recover'; readonly reason: string }
  | { readonly kind: 'wait'; readonly reason: string };

export const FAST_EXITS_MIN = 4;

const SURROUNDINGS =
  /address already in use|no space left on device|permission denied|too many open files|cannot allocate memory|read-only file system|cannot assign requested address|executable file not found|not found|input\/output error/i;

/** `clusterSize`: members there are on all hosts; those of other hosts may be well, and nobody here can tell. */
export const decideEtcdRecovery = (
  members: readonly EtcdMember[],
  clusterSize = members.length,
): EtcdRecovery => {
  const failing = members.filter(({ fastExits, hasData }) => hasData && fastExits >= FAST_EXITS_MIN);
  if (failing.length * 2 <= Math.max(members.length, clusterSize))
    return { kind: 'wait', reason: 'most members are not failing' };
  for (const { id, output } of failing) {
    const cause = SURROUNDINGS.exec(output)?.[0];
    if (cause !== undefined) return { kind: 'wait', reason: `${id}: ${cause}` };
  }
  const names = failing.map(({ id }) => id).join(', ');
  return { kind: 'recover', reason: `${names} ended ${FAST_EXITS_MIN} times in a row before it was healthy` };
};
