/** A reader that has seen enough: `mitosis … | head`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { REPOSITORY } from '../level/host.js';

it('ends without a word when whoever reads has gone', async () => {
  const child = spawn(process.execPath, [join(REPOSITORY, 'libs/cli/bin/mitosis.mjs'), '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(said).toBe('');
  expect(code).toBe(0);
});
