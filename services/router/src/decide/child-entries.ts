/**
 * What the leader writes of its children's entries. A child that does not answer keeps the entry it had: silence says
 * nothing about its sockets.
 */
import {
  decisionId,
  type ChildEntryRecord,
  type ChildRecord,
  type DecisionRecord,
  type Epoch,
  type router,
} from '@mitosis/contracts';

export interface ChildEntriesInput {
  readonly children: readonly ChildRecord[];
  readonly known: readonly ChildEntryRecord[];
  /** By component; missing: did not answer. */
  readonly answers: ReadonlyMap<string, router.EntryEndpointsReply>;
  readonly epoch: Epoch;
  readonly nowMs: number;
}

export interface ChildEntriesDecision {
  readonly put: readonly ChildEntryRecord[];
  /** Components whose child is gone or wanted gone. */
  readonly remove: readonly string[];
  readonly decisions: readonly DecisionRecord[];
}

export const decideChildEntries = (input: ChildEntriesInput): ChildEntriesDecision => {
  const wanted = input.children.filter((child) => child.wanted === 'operating');
  const known = new Map<string, ChildEntryRecord>(input.known.map((record) => [record.component, record]));
  const put: ChildEntryRecord[] = [];
  const decisions: DecisionRecord[] = [];
  for (const { component, level } of wanted) {
    const answer = input.answers.get(component);
    const before = known.get(component);
    known.delete(component);
    if (!answer) continue;
    const record = recordOf(component, answer);
    if (before && JSON.stringify(recordOf(component, before)) === JSON.stringify(record)) continue;
    put.push(record);
    decisions.push(
      decision(input, component, {
        change: `${describe(before)} → ${describe(record)}`,
        reason: `the router of ${level} said so`,
        inputs: { level, before: before ?? null, after: record },
      }),
    );
  }
  const remove = [...known.keys()].sort();
  for (const component of remove)
    decisions.push(
      decision(input, component, {
        change: `${describe(known.get(component))} → none`,
        reason: 'the child level is wanted no more',
        inputs: { before: known.get(component) ?? null },
      }),
    );
  return { put, remove, decisions };
};

const recordOf = (
  component: ChildRecord['component'],
  { ready, endpoints }: Pick<router.EntryEndpointsReply, 'ready' | 'endpoints'> | ChildEntryRecord,
): ChildEntryRecord => ({
  v: 1,
  component,
  ready,
  endpoints: endpoints
    .map(({ port, host, number }) => ({ port, host, number }))
    .sort((a, b) => (`${a.port} ${a.host} ${a.number}` < `${b.port} ${b.host} ${b.number}` ? -1 : 1)),
});

const describe = (record: ChildEntryRecord | undefined): string =>
  record === undefined
    ? 'none'
    : `${record.endpoints.length} entries, ${record.ready ? 'ready' : 'not ready'}`;

const decision = (
  { epoch, nowMs }: ChildEntriesInput,
  component: string,
  what: Pick<DecisionRecord, 'change' | 'reason' | 'inputs'>,
): DecisionRecord => ({
  v: 1,
  id: decisionId(`router-${nowMs.toString(36)}-entry-${component}`),
  function: 'router',
  atMs: nowMs,
  epoch,
  component,
  action: 'entry',
  policy: 'child-entry',
  causes: [],
  applied: true,
  ...what,
});
