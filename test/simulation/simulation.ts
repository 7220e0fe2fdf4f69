/** The simulation as its command runs it: bundled, in processes of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

const command = new URL('../../libs/simulation/run.mjs', import.meta.url).pathname;

/** Against what hangs; a seed takes about a second of a processor. */
export const HANG_MS = 600_000;

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Everything it said, when it has ended. */
  readonly ended: Promise<Ran>;
}

export const begin = (...args: readonly string[]): Running => {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<Ran>((resolve, reject) => {
    let output = '';
    const take = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
  return { child, ended };
};

export const simulate = (...args: readonly string[]): Promise<Ran> => begin(...args).ended;

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Its workers now; bundling has a process of its own, which is none. */
export const workersOf = ({ child }: Running): readonly number[] =>
  textOf(`/proc/${child.pid}/task/${child.pid}/children`)
    .split(' ')
    .filter((pid) => pid !== '' && textOf(`/proc/${pid}/cmdline`).includes('--worker'))
    .map(Number);

/** What is a zombie has ended. */
export const isAlive = (pid: number): boolean => {
  const state = /\) (\w)/u.exec(textOf(`/proc/${pid}/stat`))?.[1];
  return state !== undefined && state !== 'Z';
};
