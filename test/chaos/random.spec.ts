/** A minute and a half of a random chaos run, always the same one; `pnpm chaos` runs others, longer. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { REPOSITORY } from '../level/host.js';
import { chaosSchedule } from './random/schedule.js';

const SEED = 7;
const MINUTES = 1.5;
/** Start, the run, settling, end, on a busy machine. */
const BOUND_MS = 330_000;
/** Told to come to an end then, so that it leaves nothing running. */
const ENOUGH_MS = 240_000;

it('draws the same schedule from the same seed, and another from another', () => {
  expect(chaosSchedule(SEED, 60_000, true)).toEqual(chaosSchedule(SEED, 60_000, true));
  expect(chaosSchedule(SEED, 60_000, true)).not.toEqual(chaosSchedule(SEED + 1, 60_000, true));
  expect(chaosSchedule(SEED, 60_000, false).map(({ fault }) => fault)).not.toContain('cut-store');
});

it(
  'survives a minute and a half of kills, stops, partitions and a restore without a failed request or a violated rule',
  async () => {
    const { code, output } = await chaos();
    expect(code, output).toBe(0);
    expect(output).toContain('"chaos":"passed"');
  },
  BOUND_MS,
);

const chaos = (): Promise<{ readonly code: number | null; readonly output: string }> =>
  new Promise((resolve, reject) => {
    const main = join(REPOSITORY, 'test/chaos/random/main.ts');
    const tsx = join(REPOSITORY, 'node_modules/.bin/tsx');
    const child = spawn(
      tsx,
      ['--conditions', 'mitosis-source', main, '--seed', String(SEED), '--minutes', String(MINUTES)],
      { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    const enough = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
    }, ENOUGH_MS);
    let output = '';
    const add = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(enough);
      resolve({ code, output });
    });
  });
