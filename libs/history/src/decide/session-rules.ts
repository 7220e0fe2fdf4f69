/** Rules 1 and 3 of the architecture as the leaders' own histories show them, and the order etcd gave their commits. */
import { compareEpochs, formatEpoch, type Epoch } from '@mitosis/contracts';
import { isKind, sessionKey, type CommitWithOutcome, type Evidence } from './evidence.js';
import type { HistoryProblem } from './problem.js';
import type { Leadership, NumberedLine, PartyHistory } from './record.js';

const who = ({ level, fn, replica, epoch }: Leadership): string =>
  `${replica} as leader of ${fn} of ${level} (epoch ${formatEpoch(epoch)})`;

/** An election key is created once: two sessions of one epoch are two leaders. */
export const oneSessionPerEpoch = ({ begins }: Evidence): readonly HistoryProblem[] =>
  [...begins.values()]
    .filter((lines) => lines.length > 1)
    .map((lines) => ({
      rule: 'one-leader',
      what: `${lines.length} sessions began under one epoch: ${lines.map(({ entry }) => who(entry)).join(', ')}`,
      lines,
    }));

/** Every commit and every header lies between the begin and the end of its session, before its deadline. */
export const actsWithinSessions = ({ parties }: Evidence): readonly HistoryProblem[] =>
  parties.flatMap((party) => [...walkParty(party)]);

function* walkParty({ lines }: PartyHistory): Generator<HistoryProblem> {
  const open = new Map<string, NumberedLine>();
  const over = new Map<string, NumberedLine>();
  for (const line of lines) {
    const { entry } = line;
    // Another life of the process: what was open ended with it.
    if (isKind(line, 'open')) open.clear();
    if (isKind(line, 'begin')) open.set(sessionKey(line.entry), line);
    if (isKind(line, 'end')) {
      open.delete(sessionKey(line.entry));
      over.set(sessionKey(line.entry), line);
    }
    if (entry.k !== 'commit' && entry.k !== 'header') continue;
    const key = sessionKey(entry);
    const what = entry.k === 'commit' ? `sent commit ${entry.n}` : `made out a header for ${entry.decision}`;
    const end = over.get(key);
    if (!open.has(key))
      yield {
        rule: 'session',
        what: `${who(entry)} ${what} ${end === undefined ? 'without a session' : 'after its session had ended'}`,
        lines: end === undefined ? [line] : [end, line],
      };
    else if (entry.remainingMs <= 0)
      yield {
        rule: 'session',
        what: `${who(entry)} ${what} ${-entry.remainingMs} ms after its deadline`,
        lines: [line],
      };
  }
}

/** In etcd's order, the commits of one function are those of one epoch after the other. */
export const oneLeaderInOrder = (evidence: Evidence): readonly HistoryProblem[] =>
  [...committedByFunction(evidence)].flatMap(([, commits]) => [...walkCommits(commits)]);

const committedByFunction = ({ commits }: Evidence): ReadonlyMap<string, readonly CommitWithOutcome[]> => {
  const groups = new Map<string, CommitWithOutcome[]>();
  for (const one of commits) {
    if (one.outcome?.entry.outcome !== 'committed') continue;
    const { level, fn } = one.commit.entry;
    const key = `${level} ${fn}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return groups;
};

/** Where a commit stands in the level's one order: stores come one after the other, each with its own revisions. */
const placeOf = ({ commit, outcome }: CommitWithOutcome): Epoch => ({
  incarnation: commit.entry.epoch.incarnation,
  revision: outcome?.entry.revision ?? 0,
});

function* walkCommits(commits: readonly CommitWithOutcome[]): Generator<HistoryProblem> {
  const ordered = commits.toSorted((a, b) => compareEpochs(placeOf(a), placeOf(b)));
  let newest: CommitWithOutcome | undefined;
  for (const one of ordered) {
    const { commit, outcome } = one;
    const lines = [commit, ...(outcome === undefined ? [] : [outcome])];
    if (placeOf(one).revision <= commit.entry.epoch.revision)
      yield {
        rule: 'epochs',
        what: `${who(commit.entry)} committed at revision ${placeOf(one).revision}, before its own election`,
        lines,
      };
    if (newest !== undefined && compareEpochs(commit.entry.epoch, newest.commit.entry.epoch) < 0)
      yield {
        rule: 'one-leader',
        what: `${who(commit.entry)} committed at revision ${placeOf(one).revision}, after ${who(newest.commit.entry)} at ${placeOf(newest).revision}`,
        lines: [newest.commit, ...lines],
      };
    else newest = one;
  }
}

/** A process stands again with a newer key, never with an older one. */
export const epochsRiseInProcesses = ({ parties }: Evidence): readonly HistoryProblem[] =>
  parties.flatMap(({ lines }) => {
    const problems: HistoryProblem[] = [];
    const newest = new Map<string, NumberedLine & { entry: Leadership }>();
    for (const line of lines) {
      if (!isKind(line, 'begin')) continue;
      const key = `${line.entry.level} ${line.entry.fn}`;
      const before = newest.get(key);
      if (before !== undefined && compareEpochs(line.entry.epoch, before.entry.epoch) <= 0)
        problems.push({
          rule: 'epochs',
          what: `${who(line.entry)} began after epoch ${formatEpoch(before.entry.epoch)} in the same process`,
          lines: [before, line],
        });
      newest.set(key, line);
    }
    return problems;
  });
