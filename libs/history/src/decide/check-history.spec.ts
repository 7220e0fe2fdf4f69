import { describe, expect, it } from 'vitest';
import { checkHistory, describeReport } from './check-history.js';
import type { HistoryProblem } from './problem.js';
import type { HistoryEntry, Leadership, NumberedLine, PartyHistory } from './record.js';

const LEVEL = 'shop';

const party = (file: string, entries: readonly HistoryEntry[]): PartyHistory => ({
  file,
  unreadable: [],
  lines: entries.map((entry, index): NumberedLine => ({
    number: index + 1,
    file,
    entry: { t: index, at: index, ...entry },
  })),
});

const opened = (name: string, as: 'agent' | 'replica' = 'replica'): HistoryEntry => ({
  k: 'open',
  party: as,
  name,
  pid: 1,
  part: 1,
});

const lead = (replica: string, revision: number, incarnation = 1): Leadership => ({
  level: LEVEL,
  fn: 'health',
  replica,
  epoch: { incarnation, revision },
});

const begin = (of: Leadership): HistoryEntry => ({ k: 'begin', ...of, ttlMs: 3_000, remainingMs: 2_800 });
const end = (of: Leadership): HistoryEntry => ({ k: 'end', ...of, reason: 'resigned' });

const commit = (
  of: Leadership,
  n: number,
  phases: Readonly<Record<string, readonly [string, string]>> = {},
  remainingMs = 2_000,
): HistoryEntry => ({ k: 'commit', ...of, n, remainingMs, keys: [], decisions: [], phases });

const outcome = (
  of: Leadership,
  n: number,
  revision: number,
  how: 'committed' | 'conflict' | 'fenced' | 'unknown' = 'committed',
): HistoryEntry => ({ k: 'outcome', ...of, n, outcome: how, revision });

const act = (
  of: Leadership,
  verb: string,
  id: string,
  decision: string,
  verdict: 'accepted' | 'refused' = 'accepted',
): HistoryEntry => ({ k: 'act', ...of, verb, id, decision, verdict, reason: '' });

const created = (id: string): HistoryEntry => ({ k: 'created', level: LEVEL, id });
const tombstone = (id: string): HistoryEntry => ({ k: 'tombstone', level: LEVEL, id });

const A = lead('a', 10);
const B = lead('b', 20);

/** a starts web-1 and resigns, b stops it and starts web-2. */
const good = (): { a: HistoryEntry[]; b: HistoryEntry[]; agent: HistoryEntry[] } => ({
  a: [
    opened('a'),
    begin(A),
    commit(A, 1, { 'web-1': ['starting', 'd1'] }),
    outcome(A, 1, 11),
    { k: 'header', ...A, decision: 'd1', remainingMs: 1_000 },
    end(A),
  ],
  b: [
    opened('b'),
    begin(B),
    commit(B, 1, { 'web-1': ['stopping', 'd2'], 'web-2': ['starting', 'd3'] }),
    outcome(B, 1, 21),
  ],
  agent: [
    opened('agent', 'agent'),
    act(A, 'start', 'web-1', 'd1'),
    created('web-1'),
    act(B, 'stop', 'web-1', 'd2'),
    tombstone('web-1'),
    act(A, 'stop', 'web-1', 'd1', 'refused'),
    act(B, 'start', 'web-2', 'd3'),
    created('web-2'),
  ],
});

const check = (change: (history: ReturnType<typeof good>) => void): ReturnType<typeof checkHistory> => {
  const history = good();
  change(history);
  return checkHistory([party('a', history.a), party('b', history.b), party('agent', history.agent)]);
};

const rulesOf = (problems: readonly HistoryProblem[]): readonly string[] => problems.map(({ rule }) => rule);

describe('checkHistory', () => {
  it('finds nothing in a run that keeps the rules', () => {
    const report = check(() => undefined);
    expect(report.problems).toEqual([]);
    expect(report.incomplete).toEqual([]);
    expect(report.counts).toMatchObject({
      sessions: 2,
      takeovers: 1,
      committed: 2,
      actsAccepted: 3,
      actsRefused: 1,
      created: 2,
      tombstones: 1,
    });
    expect(describeReport(report)).toContain('no rule is violated');
  });

  it('catches a commit of a deposed leader that etcd took after its successor’s', () => {
    const { problems } = check(({ a }) => a.splice(5, 0, commit(A, 2), outcome(A, 2, 22)));
    expect(rulesOf(problems)).toEqual(['one-leader']);
    expect(problems[0]?.what).toContain('at revision 22');
  });

  it('takes no offence at what was refused or not answered', () => {
    const { problems } = check(({ a }) =>
      a.splice(5, 0, commit(A, 2), outcome(A, 2, 22, 'fenced'), commit(A, 3), outcome(A, 3, 0, 'unknown')),
    );
    expect(problems).toEqual([]);
  });

  it('catches two sessions of one epoch', () => {
    const other = lead('b', 10);
    const { problems } = check(({ b }) => b.splice(1, 0, begin(other), end(other)));
    expect(rulesOf(problems)).toContain('one-leader');
  });

  it('catches a commit after the end of the session', () => {
    const { problems } = check(({ a }) => a.push(commit(A, 2)));
    expect(rulesOf(problems)).toEqual(['session']);
    expect(problems[0]?.what).toContain('after its session had ended');
    expect(problems[0]?.lines.map(({ number }) => number)).toEqual([6, 7]);
  });

  it('catches a commit without any session', () => {
    const { problems } = check(({ a }) => a.splice(1, 1));
    expect(rulesOf(problems)).toContain('session');
  });

  it('catches a commit and a header after the deadline', () => {
    const { problems } = check(({ a }) =>
      a.splice(5, 0, commit(A, 2, {}, -5), { k: 'header', ...A, decision: 'd9', remainingMs: 0 }),
    );
    expect(rulesOf(problems)).toEqual(['session', 'session']);
    expect(problems[0]?.what).toContain('5 ms after its deadline');
  });

  it('catches a session that goes on in the next life of the process', () => {
    const { problems } = check(({ a }) => a.splice(5, 0, opened('a'), commit(A, 2)));
    expect(rulesOf(problems)).toEqual(['session']);
  });

  it('catches acts of two epochs that interleave at an agent', () => {
    const { problems } = check(({ a, agent }) => {
      a.splice(2, 0, commit(A, 9, { 'web-0': ['starting', 'd0'] }));
      agent.push(act(A, 'start', 'web-0', 'd0'));
    });
    expect(rulesOf(problems)).toEqual(['one-leader']);
    expect(problems[0]?.what).toContain('newer epoch 1.20');
  });

  it('orders epochs by incarnation first', () => {
    const restored = lead('b', 5, 2);
    const { problems } = check(({ b, agent }) => {
      b.push(
        end(B),
        opened('b'),
        begin(restored),
        commit(restored, 1, { 'web-2': ['stopping', 'd4'] }),
        outcome(restored, 1, 6),
      );
      agent.push(act(restored, 'stop', 'web-2', 'd4'), tombstone('web-2'));
    });
    expect(problems).toEqual([]);
  });

  it('catches an accepted act of a session nobody knows', () => {
    const { problems } = check(({ agent }) => agent.push(act(lead('c', 30), 'listen', '', 'd7')));
    expect(rulesOf(problems)).toEqual(['session']);
  });

  it('catches an act under another replica’s epoch', () => {
    const { problems } = check(({ agent }) => agent.push(act(lead('a', 20), 'listen', '', 'd7')));
    expect(rulesOf(problems)).toEqual(['session']);
  });

  it('catches epochs that fall in a process', () => {
    const older = lead('a', 4);
    const { problems } = check(({ a }) => a.push(begin(older), end(older)));
    expect(rulesOf(problems)).toEqual(['epochs']);
  });

  it('catches a commit before its own election', () => {
    const { problems } = check(({ b }) => b.splice(3, 1, outcome(B, 1, 19)));
    expect(rulesOf(problems)).toEqual(['epochs']);
  });

  it('catches a stop that no commit decided', () => {
    const { problems } = check(({ agent }) => agent.push(act(B, 'stop', 'web-2', 'd5'), tombstone('web-2')));
    expect(rulesOf(problems)).toEqual(['decided']);
    expect(problems[0]?.what).toContain('known: starting by d3');
  });

  it('catches a stop whose commit was refused', () => {
    const { problems } = check(({ b, agent }) => {
      b.push(commit(B, 2, { 'web-2': ['stopping', 'd5'] }), outcome(B, 2, 0, 'conflict'));
      agent.push(act(B, 'stop', 'web-2', 'd5'), tombstone('web-2'));
    });
    expect(rulesOf(problems)).toEqual(['decided']);
  });

  it('catches a stop under another decision than the committed one', () => {
    const { problems } = check(({ agent }) => agent.splice(3, 1, act(B, 'stop', 'web-1', 'd3')));
    expect(rulesOf(problems)).toEqual(['decided']);
  });

  it('catches a start that no commit decided', () => {
    const { problems } = check(({ agent }) => agent.push(act(B, 'start', 'web-3', 'd8'), created('web-3')));
    expect(rulesOf(problems)).toEqual(['decided']);
  });

  it('catches an id that is started twice', () => {
    const { problems } = check(({ agent }) => agent.push(created('web-2')));
    expect(rulesOf(problems)).toEqual(['once']);
  });

  it('catches a start after the tombstone', () => {
    const { problems } = check(({ agent }) => agent.splice(2, 1, tombstone('web-1'), created('web-1')));
    expect(rulesOf(problems)).toEqual(['once']);
    expect(problems[0]?.what).toContain('after its tombstone');
  });

  it('does not conclude from what is missing when history was lost, and says so', () => {
    const report = check(({ b }) => b.splice(1, 2, { k: 'lost', lines: 2 }));
    expect(report.problems).toEqual([]);
    expect(report.incomplete).toEqual(['b:2 2 lines were lost']);
    expect(describeReport(report)).toContain('was not judged');
  });

  it('shows the lines of a problem as they stand in their files', () => {
    const text = describeReport(check(({ agent }) => agent.push(created('web-2'))));
    expect(text).toContain('no id is started twice');
    expect(text).toContain('agent:8');
    expect(text).toContain('agent:9');
    expect(text).toContain('1 violations');
  });
});
