/** Programs of the machine, run to their end. */
import { spawn } from 'node:child_process';

export const PATH = `/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const run = (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });

/** Its output. Throws with what it said when it fails. */
export const mustRun = async (...given: Parameters<typeof run>): Promise<string> => {
  const { code, stdout, stderr } = await run(...given);
  if (code !== 0) throw new Error(`${given[0]} ${given[1].join(' ')}: ${stderr || stdout}`);
  return stdout;
};
