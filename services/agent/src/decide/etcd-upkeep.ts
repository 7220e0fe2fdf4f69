/**
 * When an etcd member's database is tidied. Its file never shrinks by itself, and once it has reached its quota etcd
 * refuses every write (the NOSPACE alarm) until somebody makes space and says so. Pure.
 */
export interface EtcdSpace {
  /** Of the file. */
  readonly sizeBytes: number;
  /** Of it, what is not free. */
  readonly inUseBytes: number;
  readonly quotaBytes: number;
  /** The NOSPACE alarm is on. */
  readonly full: boolean;
}

export type EtcdUpkeep =
  | { readonly kind: 'nothing' }
  /** Give back what is free: writes of this member wait for it, some 100 ms for 100 MB. */
  | { readonly kind: 'defragment'; readonly reason: string }
  /** Forget the history, give back what is free, and end the alarm. */
  | { readonly kind: 'relieve'; readonly reason: string };

/** Long before the quota, and only where most of the file would be given back. */
const SIZE_SHARE = 0.5;
const IN_USE_SHARE = 0.5;
/** With less free than this after all that, the next write would raise the alarm again. */
export const FREE_SHARE_MIN = 0.05;

export const decideEtcdUpkeep = ({ sizeBytes, inUseBytes, quotaBytes, full }: EtcdSpace): EtcdUpkeep => {
  if (full) return { kind: 'relieve', reason: 'the store has used up its space' };
  if (sizeBytes < quotaBytes * SIZE_SHARE || inUseBytes > sizeBytes * IN_USE_SHARE)
    return { kind: 'nothing' };
  return { kind: 'defragment', reason: `${inUseBytes} of ${sizeBytes} bytes are in use` };
};

/** Whether the alarm may end. */
export const hasRoom = ({ sizeBytes, quotaBytes }: Pick<EtcdSpace, 'sizeBytes' | 'quotaBytes'>): boolean =>
  sizeBytes <= quotaBytes * (1 - FREE_SHARE_MIN);
