/** The process list of one host (state directory) as the kernel tells it: every process of ours carries MITOSIS_HOME. */
import { readdirSync, readFileSync } from 'node:fs';

export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly command: string;
  /** Empty for the agent and its keeper. */
  readonly instance: string;
  readonly level: string;
}

export function hostProcesses(home: string): HostProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name), home))
    .filter((found) => found !== undefined);
}

/**
 * Kills what runs of a host, and says whether nothing does: to be asked again until then, since one that is started between
 * the listing and its starter's end is in no list.
 */
export function killProcesses(home: string): boolean {
  for (const { pid } of hostProcesses(home)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
  return hostProcesses(home).length === 0;
}

function readProcess(pid: number, home: string): HostProcess | undefined {
  try {
    const env = new Map(
      readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
    );
    if (env.get('MITOSIS_HOME') !== home) return undefined;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') return undefined;
    return {
      pid,
      parent: Number(parent),
      session: Number(session),
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      instance: env.get('MITOSIS_INSTANCE') ?? '',
      level: env.get('MITOSIS_LEVEL') ?? '',
    };
  } catch {
    // Ended between the listing and the reading.
    return undefined;
  }
}

/** Proportional set size of a process in bytes. */
export function pssBytes(pid: number): number {
  const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

/** CPU time used so far by a process, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
