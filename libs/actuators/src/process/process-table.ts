/**
 * The kernel's own account of the processes of this machine. A process is named by pid and start time together, never by
 * the pid alone; a zombie counts as gone. Reads only; every answer may be out of date when it arrives.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the machine's boot and the start of the process. */
  readonly startTicks: number;
}

export interface ProcessStat extends ProcessIdentity {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** Own time and that of waited-for children, in ticks. */
  readonly cpuTicks: number;
  readonly rssPages: number;
}

/** USER_HZ is 100 on every architecture Node runs on; it is not the kernel's internal frequency. */
export const TICKS_PER_SECOND = 100;

export const parseStat = (text: string): ProcessStat | undefined => {
  const close = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  // man 5 proc: fields from the third on; the second may contain anything, also spaces and brackets.
  const fields = text.slice(close + 2).split(' ');
  const startTicks = Number(fields[19]);
  if (close < 0 || !Number.isInteger(pid) || !Number.isInteger(startTicks)) return undefined;
  const at = (index: number): number => Number(fields[index] ?? 0);
  return {
    pid,
    startTicks,
    state: fields[0] ?? '',
    parent: at(1),
    session: at(3),
    cpuTicks: at(11) + at(12) + at(13) + at(14),
    rssPages: at(21),
  };
};

/** Undefined when the process is gone or a zombie. */
export const readStat = (pid: number): ProcessStat | undefined => {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat;
  } catch {
    return undefined;
  }
};

export const isAlive = ({ pid, startTicks }: ProcessIdentity): boolean =>
  readStat(pid)?.startTicks === startTicks;

/** The environment a process was started with; empty when it is gone, not ours to read, or overwrote it. */
export const readEnvironment = (pid: number): ReadonlyMap<string, string> => {
  try {
    const text = readFileSync(`/proc/${pid}/environ`, 'utf8');
    return new Map(
      text.split('\0').map((line) => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)] as const;
      }),
    );
  } catch {
    return new Map();
  }
};

const MARK = 'MITOSIS_HOME=';

/** As readEnvironment, but empty without parsing when the process does not carry a mark of ours. */
export const readMarkedEnvironment = (pid: number): ReadonlyMap<string, string> => {
  try {
    const text = readFileSync(`/proc/${pid}/environ`, 'latin1');
    return text.includes(MARK) || text.includes('MITOSIS_TASK=') ? readEnvironment(pid) : new Map();
  } catch {
    return new Map();
  }
};

export const listPids = (): number[] =>
  readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

/** Signals the process only when it is still the same one. */
export const signalProcess = (identity: ProcessIdentity, signal: NodeJS.Signals): boolean => {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
};

/** Proportional set size where it is readable, else resident size. */
export const memoryOf = (stat: ProcessStat): number => {
  try {
    const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${stat.pid}/smaps_rollup`, 'utf8'));
    if (line?.[1] !== undefined) return Number(line[1]) * 1024;
  } catch {
    // Not ours to read, or an old kernel.
  }
  return stat.rssPages * 4096;
};

export const readBootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
