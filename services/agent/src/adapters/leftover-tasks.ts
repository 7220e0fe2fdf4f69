/** What a killed predecessor of this agent left running besides instances. */
import { signalProcess, type ScannedProcess } from '@mitosis/actuators';

/** Probes and tools of a killed predecessor: nobody waits for them any more. */
export const killTasks = (scan: readonly ScannedProcess[]): void => {
  for (const one of scan) if (one.mark?.kind === 'task') signalProcess(one, 'SIGKILL');
};
