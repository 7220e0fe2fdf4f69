/** Proof that the simulation finds bugs: every deliberate defect is caught, and every invariant is broken by one. */
import { expect, it } from 'vitest';
import { HANG_MS, simulate } from './simulation.js';

it(
  'catches each deliberate defect by an invariant that holds without it, and needs every invariant for that',
  async () => {
    const { code, output } = await simulate('--defects');
    expect(code, output).toBe(0);
  },
  HANG_MS,
);
