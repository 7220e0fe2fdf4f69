/** Who is there and who leads, from the views of `members/` and `election/`: the discovery every process has. */
import {
  FUNCTION_NAMES,
  KEYS,
  type CandidateRecord,
  type FunctionName,
  type MemberRecord,
} from '@mitosis/contracts';
import type { KeyValue, LeaderInfo, View } from '@mitosis/coordination';
import type { Directory } from '../peers/grpc-peers.js';
import { parsedView } from './view-cache.js';

export class LevelDirectory implements Directory {
  private readonly parsedMembers: () => readonly MemberRecord[];
  private seenElection: View['entries'] | undefined;
  private known: ReadonlyMap<FunctionName, LeaderInfo> = new Map();

  constructor(
    members: View,
    private readonly election: View,
    private readonly incarnation: number,
  ) {
    this.parsedMembers = parsedView(members, (value) => JSON.parse(value) as MemberRecord);
  }

  members(): readonly MemberRecord[] {
    return this.parsedMembers();
  }

  leader(fn: FunctionName): LeaderInfo | undefined {
    return this.current().get(fn);
  }

  leaders(): readonly (readonly [FunctionName, LeaderInfo])[] {
    return [...this.current()];
  }

  private current(): ReadonlyMap<FunctionName, LeaderInfo> {
    if (this.election.entries !== this.seenElection) {
      this.seenElection = this.election.entries;
      this.known = leadersOf([...this.seenElection.values()], this.incarnation);
    }
    return this.known;
  }
}

/** The candidate with the lowest create-revision leads (ARCHITECTURE.md, rule 1). */
export const leadersOf = (
  candidates: readonly KeyValue[],
  incarnation: number,
): ReadonlyMap<FunctionName, LeaderInfo> => {
  const leaders = new Map<FunctionName, LeaderInfo>();
  for (const fn of FUNCTION_NAMES) {
    const first = candidates
      .filter(({ key }) => key.startsWith(KEYS.candidates(fn)))
      .sort((a, b) => a.createRevision - b.createRevision)[0];
    if (first === undefined) continue;
    const { replica, address } = JSON.parse(first.value) as CandidateRecord;
    leaders.set(fn, { replica, address, epoch: { incarnation, revision: first.createRevision } });
  }
  return leaders;
};
