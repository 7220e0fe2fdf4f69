/** Which record lies below which prefix, for those who look into the simulated store. */
import type {
  AckRecord,
  DecisionRecord,
  EndpointsRecord,
  InstanceRecord,
  MemberRecord,
  SpecRecord,
  TargetRecord,
} from '@mitosis/contracts';

export interface Families {
  readonly spec: SpecRecord;
  readonly targets: TargetRecord;
  readonly instances: InstanceRecord;
  readonly endpoints: EndpointsRecord;
  readonly acks: AckRecord;
  readonly members: MemberRecord;
  readonly decisions: DecisionRecord;
}
export type Family = keyof Families;
