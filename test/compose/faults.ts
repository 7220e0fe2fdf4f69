/**
 * What goes wrong with one container of the level: its process killed, all of it stopped, or every packet it sends lost.
 * Must never touch another container, nor leave a rule of the packet filter behind.
 */
import type { ComposeLevel } from './compose-level.js';
import { mustRun } from './run.js';

export const FAULTS = ['kill', 'pause', 'cut'] as const;
export type Fault = (typeof FAULTS)[number];

const PAUSE_TRIES = 5;

/** Resolves when it is in force; the answer takes it back (of a killed process the engine does that itself). */
export const inject = async (
  level: ComposeLevel,
  name: string,
  fault: Fault,
): Promise<() => Promise<void>> => {
  const container = level.container(name);
  switch (fault) {
    case 'kill': {
      // Not `docker kill`: what a person has killed is not restarted by the engine.
      const pid = Number(await level.engine.must('inspect', '--format', '{{.State.Pid}}', container));
      if (!(pid > 1)) throw new Error(`${name} does not run`);
      process.kill(pid, 'SIGKILL');
      return async () => undefined;
    }
    case 'pause':
      await pause(level, container);
      return async () => void (await level.engine.must('unpause', container));
    case 'cut':
      await filter('-A', level.group(name));
      return () => filter('-D', level.group(name));
    default:
      return fault satisfies never;
  }
};

/** A runtime gives up to freeze a container of which processes begin meanwhile, such as a look at its health. */
const pause = async (level: ComposeLevel, container: string): Promise<void> => {
  for (let left = PAUSE_TRIES; ; left -= 1) {
    const { code, stderr } = await level.engine.docker('pause', container);
    if (code === 0) return;
    if (left === 0 || !stderr.includes('unable to freeze')) throw new Error(`pause ${container}: ${stderr}`);
  }
};

/** The containers are in the host's network: what they send is known by their group, on the loopback only. */
const filter = async (verb: '-A' | '-D', group: number): Promise<void> => {
  const match = ['-o', 'lo', '-m', 'owner', '--gid-owner', String(group), '-j', 'DROP'];
  await mustRun('iptables', ['-w', verb, 'OUTPUT', ...match]);
};
