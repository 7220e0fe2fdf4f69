/** What the rules ask of a whole run, gathered once. Pure. */
import { formatEpoch } from '@mitosis/contracts';
import type {
  ActEntry,
  BeginEntry,
  CommitEntry,
  HistoryEntry,
  Leadership,
  NumberedLine,
  OutcomeEntry,
  PartyHistory,
} from './record.js';

export type LineOf<E extends HistoryEntry> = NumberedLine & { readonly entry: E };

export interface Evidence {
  readonly parties: readonly PartyHistory[];
  /** By `sessionKey`: more than one is a violation of its own. */
  readonly begins: ReadonlyMap<string, readonly LineOf<BeginEntry>[]>;
  readonly commits: readonly CommitWithOutcome[];
  /** By `level/id`: commits that may have happened and gave the instance a phase. */
  readonly phases: ReadonlyMap<string, readonly PhaseGiven[]>;
  readonly acts: readonly LineOf<ActEntry>[];
  /** Something is missing, so that absence proves nothing. */
  readonly incomplete: readonly string[];
}

export interface CommitWithOutcome {
  readonly commit: LineOf<CommitEntry>;
  /** Undefined: the process ended before it knew. */
  readonly outcome: LineOf<OutcomeEntry> | undefined;
}

export interface PhaseGiven {
  readonly phase: string;
  readonly decision: string;
  readonly line: NumberedLine;
}

export const sessionKey = ({ level, fn, epoch }: Omit<Leadership, 'replica'>): string =>
  `${level} ${fn} ${formatEpoch(epoch)}`;

export const isKind = <K extends HistoryEntry['k']>(
  line: NumberedLine,
  kind: K,
): line is NumberedLine & { readonly entry: NumberedLine['entry'] & Extract<HistoryEntry, { k: K }> } =>
  line.entry.k === kind;

export const gather = (parties: readonly PartyHistory[]): Evidence => {
  const begins = new Map<string, LineOf<BeginEntry>[]>();
  const commits: CommitWithOutcome[] = [];
  const phases = new Map<string, PhaseGiven[]>();
  const acts: LineOf<ActEntry>[] = [];
  for (const { lines } of parties) {
    const outcomes = outcomesOf(lines);
    for (const line of lines) {
      if (isKind(line, 'begin')) append(begins, sessionKey(line.entry), line);
      if (isKind(line, 'act')) acts.push(line);
      if (!isKind(line, 'commit')) continue;
      const outcome = outcomes.get(commitKey(line.entry));
      commits.push({ commit: line, outcome });
      if (outcome?.entry.outcome === 'conflict' || outcome?.entry.outcome === 'fenced') continue;
      for (const [id, [phase, decision]] of Object.entries(line.entry.phases))
        append(phases, `${line.entry.level}/${id}`, { phase, decision, line });
    }
  }
  return { parties, begins, commits, phases, acts, incomplete: parties.flatMap(gapsOf) };
};

const append = <T>(map: Map<string, T[]>, key: string, value: T): void => {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
};

const commitKey = (entry: CommitEntry | OutcomeEntry): string =>
  `${sessionKey(entry)} ${entry.replica} ${entry.n}`;

const outcomesOf = (lines: readonly NumberedLine[]): ReadonlyMap<string, LineOf<OutcomeEntry>> => {
  const outcomes = new Map<string, LineOf<OutcomeEntry>>();
  for (const line of lines) if (isKind(line, 'outcome')) outcomes.set(commitKey(line.entry), line);
  return outcomes;
};

const gapsOf = ({ file, lines, unreadable }: PartyHistory): readonly string[] => {
  const gaps: string[] = [];
  const [first] = lines;
  if (first !== undefined && !(isKind(first, 'open') && first.entry.part === 1))
    gaps.push(`${file} does not go back to its beginning`);
  for (const line of lines)
    if (isKind(line, 'lost')) gaps.push(`${line.file}:${line.number} ${line.entry.lines} lines were lost`);
  // A kill tears at most the last line of each life.
  const lives = lines.filter((line) => isKind(line, 'open')).length;
  if (unreadable.length > lives) gaps.push(`${file} has ${unreadable.length} unreadable lines`);
  return gaps;
};
