/** A run of many seeds is whole or says that it is not, and leaves nothing behind. */
import { expect, it, vi } from 'vitest';
import { begin, HANG_MS, isAlive, workersOf } from './simulation.js';

const FOREVER = ['--seeds', '1..100000', '--workers', '1'] as const;

it(
  'fails with a clear message when a worker dies',
  async () => {
    const run = begin(...FOREVER);
    const [worker] = await vi.waitUntil(() => someOf(workersOf(run)), { timeout: HANG_MS, interval: 50 });
    process.kill(worker ?? 0, 'SIGKILL');
    const { code, output } = await run.ended;
    expect(code, output).toBe(1);
    expect(output).toMatch(
      /the run is incomplete: a worker was ended by SIGKILL while it was to run seed \d+/u,
    );
  },
  HANG_MS,
);

it(
  'ends its workers when it is killed itself',
  async () => {
    const run = begin(...FOREVER);
    const workers = await vi.waitUntil(() => someOf(workersOf(run)), { timeout: HANG_MS, interval: 50 });
    run.child.kill('SIGKILL');
    await vi.waitUntil(() => !workers.some(isAlive), { timeout: HANG_MS, interval: 50 });
    expect((await run.ended).code).toBeNull();
  },
  HANG_MS,
);

const someOf = (workers: readonly number[]): readonly number[] | undefined =>
  workers.length > 0 ? workers : undefined;
