/** Rule 2 of the architecture as the agents' histories show it: this is where overlaps are judged. */
import { compareEpochs, formatEpoch } from '@mitosis/contracts';
import { isKind, sessionKey, type Evidence, type LineOf } from './evidence.js';
import type { HistoryProblem } from './problem.js';
import type { ActEntry, NumberedLine } from './record.js';

/** A level's acts at one agent come from one epoch after the other; an older one that is accepted is an overlap. */
export const noInterleavedActs = ({ parties }: Evidence): readonly HistoryProblem[] =>
  parties.flatMap(({ lines }) => {
    const problems: HistoryProblem[] = [];
    const newest = new Map<string, LineOf<ActEntry>>();
    for (const line of lines) {
      if (!isKind(line, 'act')) continue;
      const { level, epoch, verdict } = line.entry;
      const before = newest.get(level);
      const order = before === undefined ? 1 : compareEpochs(epoch, before.entry.epoch);
      if (verdict === 'accepted' && order < 0) problems.push(overlap(before, line));
      if (verdict === 'accepted' && order >= 0) newest.set(level, line);
    }
    return problems;
  });

const overlap = (before: LineOf<ActEntry> | undefined, line: LineOf<ActEntry>): HistoryProblem => ({
  rule: 'one-leader',
  what:
    `${describe(line.entry)} was accepted after an act of the newer epoch ` +
    formatEpoch(before?.entry.epoch ?? line.entry.epoch),
  lines: before === undefined ? [line] : [before, line],
});

const describe = ({ verb, id, level, replica, epoch }: ActEntry): string =>
  `${verb} ${id === '' ? level : id} by ${replica} (epoch ${formatEpoch(epoch)})`;

/** What an agent accepts comes from a session that some replica's history knows, and from that replica. */
export const actsOfKnownSessions = ({ acts, begins }: Evidence): readonly HistoryProblem[] =>
  acts
    .filter(({ entry }) => entry.verdict === 'accepted')
    .filter(({ entry }) => !(begins.get(sessionKey(entry)) ?? []).some((begin) => isOf(begin.entry, entry)))
    .map((line) => ({
      rule: 'session',
      what: `${describe(line.entry)} was accepted, but no such session is known`,
      lines: [line],
    }));

const isOf = (a: { readonly replica: string }, b: { readonly replica: string }): boolean =>
  a.replica === b.replica;

/** `failed` is stopped as well, so that its id can never come again. */
const PHASES: Readonly<Record<string, ReadonlySet<string>>> = {
  start: new Set(['starting']),
  stop: new Set(['stopping', 'failed']),
};

/** The decision an act names is the one with which the instance was committed into the phase the act carries out. */
export const actsAreDecided = ({ acts, phases }: Evidence): readonly HistoryProblem[] =>
  acts.flatMap((line) => {
    const { verb, level, id, decision, verdict } = line.entry;
    const wanted = PHASES[verb];
    if (wanted === undefined || verdict !== 'accepted') return [];
    const given = phases.get(`${level}/${id}`) ?? [];
    if (given.some((one) => wanted.has(one.phase) && one.decision === decision)) return [];
    const known = given.map((one) => `${one.phase} by ${one.decision}`).join(', ');
    return [
      {
        rule: 'decided' as const,
        what:
          `${describe(line.entry)} names ${decision}, which committed no ${[...wanted].join(' or ')} of it` +
          (known === '' ? '' : ` (known: ${known})`),
        lines: [...given.map((one) => one.line), line],
      },
    ];
  });

export const startedOnce = ({ parties }: Evidence): readonly HistoryProblem[] => {
  const problems: HistoryProblem[] = [];
  const created = new Map<string, NumberedLine>();
  for (const { lines } of parties) {
    const stones = new Map<string, NumberedLine>();
    for (const line of lines) {
      if (isKind(line, 'tombstone')) stones.set(`${line.entry.level}/${line.entry.id}`, line);
      if (!isKind(line, 'created')) continue;
      const key = `${line.entry.level}/${line.entry.id}`;
      const before = created.get(key);
      const stone = stones.get(key);
      if (before !== undefined) problems.push(again(key, 'was started twice', before, line));
      if (stone !== undefined) problems.push(again(key, 'was started after its tombstone', stone, line));
      created.set(key, line);
    }
  }
  return problems;
};

const again = (key: string, what: string, ...lines: readonly NumberedLine[]): HistoryProblem => ({
  rule: 'once',
  what: `${key} ${what}`,
  lines,
});
