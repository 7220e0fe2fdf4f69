/** Proof that the simulation finds bugs: every deliberate defect is caught by the invariant it breaks. */
import { expect, it } from 'vitest';
import { simulate } from './simulation.js';

it('catches each deliberate defect', async () => {
  const { code, output } = await simulate('--defects');
  process.stdout.write(output);
  expect(code, output).toBe(0);
}, 600_000);
