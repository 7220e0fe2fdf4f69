/**
 * Which processes belong to a run. The mark in the environment decides; where a process has lost it (some overwrite their
 * environment to show a title), its session or its parent does. Must never take in what carries another mark: a manager
 * may have started the agent itself.
 */
import { uptime } from 'node:os';
import {
  listPids,
  readMarkedEnvironment,
  readStat,
  TICKS_PER_SECOND,
  type ProcessIdentity,
  type ProcessStat,
} from './process-table.js';

export interface RunName {
  readonly level: string;
  readonly id: string;
  readonly run: number;
}

export type Mark =
  | ({ readonly kind: 'run' } & RunName)
  /** A probe or another short task of the agent. */
  | { readonly kind: 'task' }
  /** The agent, its keeper, another host's processes, or something a person started. */
  | { readonly kind: 'other' };

export interface ScannedProcess extends ProcessStat {
  readonly mark: Mark | undefined;
}

/** Set for everything a run consists of; MITOSIS_RUN is set by nobody else, so that hand-started programs are left alone. */
export const markOf = (env: ReadonlyMap<string, string>, home: string): Mark | undefined => {
  if (env.get('MITOSIS_TASK') === home) return { kind: 'task' };
  const marked = env.get('MITOSIS_HOME');
  if (marked === undefined) return undefined;
  const run = Number(env.get('MITOSIS_RUN'));
  const id = env.get('MITOSIS_INSTANCE') ?? '';
  if (marked !== home || id === '' || !Number.isInteger(run)) return { kind: 'other' };
  return { kind: 'run', level: env.get('MITOSIS_LEVEL') ?? '', id, run };
};

const readMark = (pid: number, home: string): Mark | undefined => markOf(readMarkedEnvironment(pid), home);

/** One process as it is now, with its mark of this home; undefined: it is gone. */
export const scanProcess = (pid: number, home: string): ScannedProcess | undefined => {
  const stat = readStat(pid);
  return stat && { ...stat, mark: readMark(pid, home) };
};

/** Every process of this machine. */
export const scanProcesses = (home: string): readonly ScannedProcess[] =>
  listPids().flatMap((pid) => scanProcess(pid, home) ?? []);

/** A process this old has become what it was started as: from then on its mark stands. */
const SETTLED_TICKS = 2 * TICKS_PER_SECOND;

/**
 * Scans again and again: of processes that have run for some seconds the mark is read once, which is most of a scan's
 * cost. What is to be killed must be asked again (`scanProcess`).
 */
export class ProcessScanner {
  private settled = new Map<number, ScannedProcess>();

  constructor(private readonly home: string) {}

  scan(): readonly ScannedProcess[] {
    const settled = new Map<number, ScannedProcess>();
    const nowTicks = uptime() * TICKS_PER_SECOND;
    const found = listPids().flatMap((pid) => {
      const stat = readStat(pid);
      if (stat === undefined) return [];
      const before = this.settled.get(pid);
      const mark = before?.startTicks === stat.startTicks ? before.mark : readMark(pid, this.home);
      const one = { ...stat, mark };
      if (nowTicks - stat.startTicks > SETTLED_TICKS) settled.set(pid, one);
      return [one];
    });
    this.settled = settled;
    return found;
  }
}

export const sameRun = (mark: Mark | undefined, name: RunName): boolean =>
  mark?.kind === 'run' && mark.level === name.level && mark.id === name.id && mark.run === name.run;

export interface MemberQuery {
  readonly name: RunName;
  /** Leader of the run's session; undefined: unknown. */
  readonly shim: ProcessIdentity | undefined;
  /** Seen as members before. */
  readonly known: readonly ProcessIdentity[];
}

export const membersOf = (scan: readonly ScannedProcess[], query: MemberQuery): readonly ScannedProcess[] => {
  const byPid = new Map(scan.map((one) => [one.pid, one]));
  const known = new Map(query.known.map(({ pid, startTicks }) => [pid, startTicks]));
  const inSession = sessionTest(query, byPid);
  const found = new Map<number, ScannedProcess>();
  for (const one of scan) {
    const unmarked = one.mark === undefined && (inSession(one) || known.get(one.pid) === one.startTicks);
    if (sameRun(one.mark, query.name) || unmarked) found.set(one.pid, one);
  }
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const one of scan)
      if (one.mark === undefined && !found.has(one.pid) && found.has(one.parent)) found.set(one.pid, one);
  }
  return [...found.values()];
};

/** A session's number is not given again while the session lives, so only another leader of that pid speaks against it. */
const sessionTest = (
  { shim }: MemberQuery,
  byPid: ReadonlyMap<number, ScannedProcess>,
): ((one: ScannedProcess) => boolean) => {
  if (shim === undefined) return () => false;
  const leader = byPid.get(shim.pid);
  if (leader !== undefined && leader.startTicks !== shim.startTicks) return () => false;
  return (one) => one.session === shim.pid && one.startTicks >= shim.startTicks;
};
