/** `mitosis simulate` as it is installed: the plays in threads, which only the built command has. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Comparison } from '@mitosis/simulation/workload';
import { afterAll, expect, it } from 'vitest';
import { REPOSITORY } from '../level/host.js';

const folder = mkdtempSync(join(tmpdir(), 'm-threads-'));
afterAll(() => rmSync(folder, { recursive: true }));
const example = (file: string): string => join(REPOSITORY, 'examples/simulate', file);

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly told: string;
}

const simulate = (policies: string): Promise<Ended> =>
  new Promise((resolve) => {
    const command = join(REPOSITORY, 'libs/cli/bin/mitosis.mjs');
    const trace = ['--trace', example('day.csv'), '--from', '9h', '--for', '20m'];
    const args = [command, 'simulate', example('compose.yaml'), ...trace, '--policy', policies, '--json'];
    execFile(process.execPath, args, { timeout: 120_000, maxBuffer: 1e8 }, (error, out, told) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, told });
    });
  });

const policiesOf = ({ out }: Ended): Comparison['policies'] => (JSON.parse(out) as Comparison).policies;

it(
  'says of each policy what it says of it alone, in the order they were named',
  { timeout: 240_000 },
  async () => {
    const mine = `${example('mine.mjs')}(busy=4)`;
    const together = await simulate(`kpa,${mine},hpa`);
    expect(together.code).toBe(0);
    const alone = [await simulate('kpa'), await simulate(mine), await simulate('hpa')];
    expect(policiesOf(together)).toEqual(alone.flatMap(policiesOf));
  },
);

it(
  'ends with the file and the problem when a policy of the user fails in its thread',
  { timeout: 240_000 },
  async () => {
    const file = join(folder, 'failing.mjs');
    writeFileSync(
      file,
      `export default {
      summary: 'fails after a while',
      initial: () => 0,
      step: (calls, { count }) => {
        if (calls > 400) throw new RangeError('enough');
        return { state: calls + 1, recommendation: { count } };
      },
    };`,
    );
    const { code, told, out } = await simulate(`${file},slo`);
    expect(code).toBe(2);
    expect(`${told}${out}`).toMatch(/failing\.mjs: step\(\) threw RangeError: enough/);
  },
);
