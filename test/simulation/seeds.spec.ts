/** A few seeds of sixty virtual seconds keep every invariant; the large run with every pair of faults is a command of its own. */
import { expect, it } from 'vitest';
import { HANG_MS, simulate } from './simulation.js';

const SEEDS = '1..20';

it(
  'keeps every invariant under the faults of twenty seeds',
  async () => {
    const { code, output } = await simulate('--seeds', SEEDS);
    expect(code, output).toBe(0);
    expect(output).toContain('"seeds":20,"failed":0');
    // Also Node has nothing to complain of.
    expect(output).not.toContain('Warning');
  },
  HANG_MS,
);

it(
  'runs a seed twice the same, and another differently',
  async () => {
    const hashOf = async (seed: number): Promise<string | undefined> =>
      /trace (\w{16})/u.exec((await simulate('--seed', String(seed))).output)?.[1];
    const [first, again, other] = await Promise.all([hashOf(7), hashOf(7), hashOf(8)]);
    expect(first).toMatch(/^[0-9a-f]{16}$/u);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  },
  HANG_MS,
);

it(
  'prints how to have a failure again, and a shorter schedule that fails as well',
  async () => {
    const { code, output } = await simulate('--seed', '1', '--defect', 'forget-drain', '--schedule', LOADS);
    expect(code).toBe(1);
    expect(output).toContain('breaks drained-first');
    expect(output).toContain('replay:    pnpm sim --seed 1 --seconds 60 --defect forget-drain');
    const shortened = /shortened: .*--schedule '([^']*)'/u.exec(output)?.[1] ?? '';
    expect(shortened.split(',').length).toBeLessThan(LOADS.split(',').length);
  },
  HANG_MS,
);

/** The roll-out alone drains instances. */
const LOADS = 'compaction@7000+500#1,roll-out@9000+0#2,etcd-leader-change@12000+0#3';
