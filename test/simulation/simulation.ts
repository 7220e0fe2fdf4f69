/** The simulation as its command runs it: bundled, in processes of its own. */
import { spawn } from 'node:child_process';

const command = new URL('../../libs/simulation/run.mjs', import.meta.url).pathname;

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

export const simulate = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
