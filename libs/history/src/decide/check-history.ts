/**
 * Judges the histories of a whole run: no two effective leaders, no act outside a session, epochs that only rise, nothing
 * started or stopped without a committed decision. Pure. Where history is missing, rules that need all of it are named as
 * not judged, never silently passed.
 */
import { actsAreDecided, actsOfKnownSessions, noInterleavedActs, startedOnce } from './agent-rules.js';
import { gather, isKind, type Evidence } from './evidence.js';
import { HISTORY_RULES, type HistoryProblem, type HistoryRule } from './problem.js';
import type { HistoryEntry, PartyHistory } from './record.js';
import {
  actsWithinSessions,
  epochsRiseInProcesses,
  oneLeaderInOrder,
  oneSessionPerEpoch,
} from './session-rules.js';

export { HISTORY_RULES } from './problem.js';
export type { HistoryProblem, HistoryRule } from './problem.js';

export interface HistoryReport {
  readonly problems: readonly HistoryProblem[];
  /** Why some rules could only be judged in part. */
  readonly incomplete: readonly string[];
  /** What was read, so that an empty run is not mistaken for a good one. */
  readonly counts: HistoryCounts;
}

export interface HistoryCounts {
  readonly parties: number;
  readonly agents: number;
  readonly lines: number;
  readonly sessions: number;
  /** Leadership changes: sessions beyond the first of each function. */
  readonly takeovers: number;
  readonly commits: number;
  readonly committed: number;
  readonly unknownOutcomes: number;
  readonly actsAccepted: number;
  readonly actsRefused: number;
  readonly created: number;
  readonly tombstones: number;
}

const ALWAYS = [
  oneSessionPerEpoch,
  oneLeaderInOrder,
  epochsRiseInProcesses,
  noInterleavedActs,
  startedOnce,
] as const;
/** They conclude from what is not there. */
const ONLY_WHEN_COMPLETE = [actsWithinSessions, actsOfKnownSessions, actsAreDecided] as const;

export const checkHistory = (parties: readonly PartyHistory[]): HistoryReport => {
  const evidence = gather(parties);
  const complete = evidence.incomplete.length === 0;
  const rules = complete ? [...ALWAYS, ...ONLY_WHEN_COMPLETE] : ALWAYS;
  return {
    problems: rules.flatMap((rule) => rule(evidence)),
    incomplete: evidence.incomplete,
    counts: countsOf(evidence),
  };
};

const countsOf = ({ parties, commits, acts, begins }: Evidence): HistoryCounts => {
  const count = (kind: HistoryEntry['k']): number =>
    parties.reduce((sum, { lines }) => sum + lines.filter((line) => isKind(line, kind)).length, 0);
  const led = new Set([...begins.values()].map(([first]) => `${first?.entry.level} ${first?.entry.fn}`));
  const accepted = acts.filter(({ entry }) => entry.verdict === 'accepted').length;
  const outcome = (wanted: string): number =>
    commits.filter(({ outcome }) => (outcome?.entry.outcome ?? 'unknown') === wanted).length;
  return {
    parties: parties.length,
    agents: parties.filter(({ lines }) =>
      lines.some((line) => isKind(line, 'open') && line.entry.party === 'agent'),
    ).length,
    lines: parties.reduce((sum, { lines }) => sum + lines.length, 0),
    sessions: count('begin'),
    takeovers: count('begin') - led.size,
    commits: commits.length,
    committed: outcome('committed'),
    unknownOutcomes: outcome('unknown'),
    actsAccepted: accepted,
    actsRefused: acts.length - accepted,
    created: count('created'),
    tombstones: count('tombstone'),
  };
};

/** For people: what was read, then each problem with its lines. */
export const describeReport = ({ problems, incomplete, counts }: HistoryReport): string => {
  const read =
    `${counts.parties} histories (${counts.agents} of agents), ${counts.lines} lines: ` +
    `${counts.sessions} sessions (${counts.takeovers} successions), ` +
    `${counts.committed} of ${counts.commits} commits done (${counts.unknownOutcomes} with unknown outcome), ` +
    `${counts.actsAccepted} acts accepted, ${counts.actsRefused} refused, ` +
    `${counts.created} instances started, ${counts.tombstones} tombstones`;
  const gaps = incomplete.map((gap) => `incomplete: ${gap}; what needs all lines was not judged`);
  const rules = Object.keys(HISTORY_RULES) as HistoryRule[];
  const told = rules.flatMap((rule) => describeRule(rule, problems));
  const verdict = problems.length === 0 ? 'no rule is violated' : `${problems.length} violations`;
  return [read, ...gaps, ...told, verdict].join('\n');
};

const SHOWN_MAX = 20;

const describeRule = (rule: HistoryRule, problems: readonly HistoryProblem[]): readonly string[] => {
  const own = problems.filter((problem) => problem.rule === rule);
  if (own.length === 0) return [];
  const more = own.length > SHOWN_MAX ? [`  … and ${own.length - SHOWN_MAX} more`] : [];
  return [
    `violated: ${HISTORY_RULES[rule]}`,
    ...own
      .slice(0, SHOWN_MAX)
      .flatMap(({ what, lines }) => [
        `  ${what}`,
        ...lines.map(({ file, number, entry }) => `    ${file}:${number} ${JSON.stringify(entry)}`),
      ]),
    ...more,
  ];
};
