/** Proof that the simulation finds bugs: every deliberate defect is caught by an invariant that holds without it. */
import { expect, it } from 'vitest';
import { HANG_MS, simulate } from './simulation.js';

it(
  'catches each deliberate defect',
  async () => {
    const { code, output } = await simulate('--defects');
    expect(code, output).toBe(0);
  },
  HANG_MS,
);
