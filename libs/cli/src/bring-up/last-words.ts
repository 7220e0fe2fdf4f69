/** The last log lines of instances, read from the agent: what a person needs when something does not come up. */
import type { HostSession } from '../session/host.js';

export interface LastWords {
  readonly level: string;
  readonly id: string;
  readonly lines: readonly string[];
}

const LOG_MS = 2_000;

/** Instances without a readable log are left out. */
export const lastWords = async (
  host: HostSession,
  instances: readonly { readonly level: string; readonly id: string }[],
  tailLines: number,
): Promise<readonly LastWords[]> => {
  const found = await Promise.all(instances.map((instance) => readTail(host, instance, tailLines)));
  return found.filter((words) => words.lines.length > 0);
};

const readTail = async (
  host: HostSession,
  { level, id }: { readonly level: string; readonly id: string },
  tailLines: number,
): Promise<LastWords> => {
  const request = { level, id, tailLines, follow: false };
  let text = '';
  try {
    for await (const chunk of host.rpc.stream('agent', host.agentAddress, 'logs', request, {
      deadlineMs: LOG_MS,
    }))
      text += chunk.text;
  } catch {
    // An instance that is gone has no log; what was read before the end is shown.
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return { level, id, lines: lines.slice(-tailLines) };
};
