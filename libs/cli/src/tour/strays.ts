/** Processes that belong to a host's state directory, as the kernel tells: each carries MITOSIS_HOME. */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';

/** Null where the system has no /proc: not known, which is not none. */
export const processesOf = (home: string): readonly string[] | null => {
  let pids: readonly string[];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return null;
  }
  const marks = new Set([home, realPath(home)].map((path) => `MITOSIS_HOME=${path}`));
  return pids.flatMap((pid) => describe(pid, marks));
};

const realPath = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};

const describe = (pid: string, marks: ReadonlySet<string>): readonly string[] => {
  if (Number(pid) === process.pid) return [];
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    if (!environment.some((entry) => marks.has(entry))) return [];
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // A zombie has ended: it only waits for its parent to notice.
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return [];
    return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`];
  } catch {
    // It ended between the listing and the reading.
    return [];
  }
};
