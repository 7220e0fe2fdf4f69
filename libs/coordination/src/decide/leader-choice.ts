/** Who leads, from the candidate keys alone: the one whose key was created first. Same answer in every process. */
import { KEYS } from '@mitosis/contracts';
import type { CandidateRecord, Epoch, FunctionName, ReplicaId } from '@mitosis/contracts';
import type { KeyValue } from '../store.js';

export interface SeenCandidate {
  readonly key: string;
  readonly replica: ReplicaId;
  readonly address: string;
  /** Decimal lease id as etcd has it. */
  readonly lease: string;
  readonly epoch: Epoch;
}

export const candidateRecord = (record: Omit<CandidateRecord, 'v'>): string =>
  JSON.stringify({ v: 1, ...record } satisfies CandidateRecord);

/** Undefined for a value that is no candidate record: such a key can hold nobody's office. */
const parse = (value: string): CandidateRecord | undefined => {
  try {
    const record = JSON.parse(value) as Partial<CandidateRecord>;
    return typeof record.replica === 'string' && typeof record.address === 'string'
      ? (record as CandidateRecord)
      : undefined;
  } catch {
    return undefined;
  }
};

/** All candidates for a function, the leader first. */
export const candidatesOf = (
  fn: FunctionName,
  entries: Iterable<KeyValue>,
  incarnation: number,
): readonly SeenCandidate[] => {
  const prefix = KEYS.candidates(fn);
  const seen: SeenCandidate[] = [];
  for (const { key, value, lease, createRevision } of entries) {
    const record = key.startsWith(prefix) ? parse(value) : undefined;
    if (record === undefined) continue;
    const { replica, address } = record;
    seen.push({ key, replica, address, lease, epoch: { incarnation, revision: createRevision } });
  }
  return seen.sort((a, b) => a.epoch.revision - b.epoch.revision);
};
