/** Two thousand seeds of sixty virtual seconds: every invariant holds, and every fault and every pair of them was met. */
import { expect, it } from 'vitest';
import { simulate } from './simulation.js';

const SEEDS = process.env['MITOSIS_SIMULATION_SEEDS'] ?? '1..2000';

it('keeps every invariant under all faults and pairs of faults', async () => {
  const { code, output } = await simulate('--seeds', SEEDS);
  process.stdout.write(output);
  expect(code, output).toBe(0);
}, 1_200_000);

it('runs a seed twice the same, and another differently', async () => {
  const hashOf = async (seed: number): Promise<string | undefined> =>
    /trace (\w{16})/u.exec((await simulate('--seed', String(seed))).output)?.[1];
  const [first, again, other] = await Promise.all([hashOf(7), hashOf(7), hashOf(8)]);
  expect(first).toMatch(/^[0-9a-f]{16}$/u);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

it('prints how to have a failure again, and a shorter schedule that fails as well', async () => {
  const { code, output } = await simulate('--seed', '1', '--defect', 'forget-drain', '--schedule', LOADS);
  expect(code).toBe(1);
  expect(output).toContain('breaks drained-first');
  expect(output).toContain('replay:    pnpm sim --seed 1 --seconds 60 --defect forget-drain');
  const shortened = /shortened: .*--schedule '([^']*)'/u.exec(output)?.[1] ?? '';
  expect(shortened.split(',').length).toBeLessThan(LOADS.split(',').length);
});

/** The roll-out alone drains instances. */
const LOADS = 'compaction@7000+500#1,roll-out@9000+0#2,etcd-leader-change@12000+0#3';
