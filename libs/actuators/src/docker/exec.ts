/** Runs a probe's command inside a container, as Docker's own health check does. Never throws; bounded. */
import type { ExecAnswer } from '../actuator.js';
import { EngineError, type EngineClient } from './engine-client.js';

const OUTPUT_MAX = 4_096;
const HEADER = 8;

export const execInContainer = async (
  client: EngineClient,
  container: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<ExecAnswer> => {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const { Id } = await client.call<{ readonly Id: string }>('POST', `/containers/${container}/exec`, {
      body: { Cmd: command, AttachStdout: true, AttachStderr: true },
      signal: limit,
    });
    const response = await client.stream('POST', `/exec/${Id}/start`, {
      body: { Detach: false, Tty: false },
      signal: limit,
    });
    const output = await readOutput(response);
    const { ExitCode } = await client.call<{ readonly ExitCode: number | null }>('GET', `/exec/${Id}/json`, {
      signal: limit,
    });
    if (ExitCode === null) return { verdict: 'failed', detail: `did not end within ${timeoutMs} ms` };
    return ExitCode === 0
      ? { verdict: 'ok', detail: output }
      : { verdict: 'failed', detail: output === '' ? `ended with ${ExitCode}` : output };
  } catch (error) {
    // The engine answered: the command cannot be run there, or the container has ended.
    if (error instanceof EngineError) return { verdict: 'failed', detail: error.message };
    return limit.aborted
      ? { verdict: 'failed', detail: `did not end within ${timeoutMs} ms` }
      : { verdict: 'unknown', detail: (error as Error).message };
  }
};

const readOutput = async (chunks: AsyncIterable<unknown>): Promise<string> => {
  let rest = Buffer.alloc(0);
  let output = '';
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= HEADER && rest.length >= HEADER + rest.readUInt32BE(4)) {
      const end = HEADER + rest.readUInt32BE(4);
      output = (output + rest.toString('utf8', HEADER, end)).slice(-OUTPUT_MAX);
      rest = rest.subarray(end);
    }
  }
  return output.trim();
};
