import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Comparison } from '@mitosis/simulation/workload';
import { mitosis, type Said } from '../../testing/run-command.testing.js';

const root = join(import.meta.dirname, '../../../../..');
const example = (file: string): string => join(root, 'examples/simulate', file);
const folder = mkdtempSync(join(tmpdir(), 'm-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

const simulate = (...more: readonly string[]): Promise<Said> =>
  mitosis(
    'simulate',
    example('compose.yaml'),
    '--trace',
    example('day.csv'),
    '--from',
    '9h',
    '--for',
    '20m',
    ...more,
  );

describe('mitosis simulate', { timeout: 240_000 }, () => {
  it('compares policies, one of them the example of the documentation, and writes a page that needs nothing else', async () => {
    const report = join(folder, 'report.html');
    const policies = `slo,hpa(metric=rps,target=0.6),${example('mine.mjs')}(busy=4)`;
    const { out, code } = await simulate('--policy', policies, '--report', report, '--json');
    expect(code).toBe(0);
    const comparison = JSON.parse(out) as Comparison;
    expect(comparison.policies).toHaveLength(3);
    for (const { instanceHours, latePercent } of comparison.policies) {
      expect(instanceHours).toBeGreaterThan(1);
      expect(latePercent).toBeLessThan(50);
    }
    const page = readFileSync(report, 'utf8');
    expect(page).toContain('mine.mjs(busy=4)');
    expect(page.match(/<path /g)?.length).toBe(1 + 1 + 3 + 3 + 3);
    expect(page).not.toMatch(/NaN|Infinity|undefined|<script|https?:\/\/(?!www\.w3\.org)/);
  });

  it('prints a table, with what the composition says as the policy by default', async () => {
    const { out, code } = await simulate('--price', '0.5');
    expect(code).toBe(0);
    expect(out).toMatch(/^own\s/m);
    expect(out).toMatch(/^\(clairvoyant\)\s/m);
  });

  it('shows in the documentation the very policy that is executed here', () => {
    const mine = readFileSync(example('mine.mjs'), 'utf8').trim();
    expect(readFileSync(join(root, 'docs/simulate.md'), 'utf8')).toContain(mine);
    expect(mine.split('\n').length).toBeLessThanOrEqual(30);
  });

  it.each([
    [
      'a step of parts of a second',
      ['--step', '1500ms'],
      /--step 1500ms: expected whole seconds from 1s to 60s/,
    ],
    ['a step that is too long', ['--step', '2m'], /--step 2m: expected whole seconds from 1s to 60s/],
    ['a trace that is not there', ['--trace', 'none.csv'], /the trace none\.csv cannot be read/],
    ['an unknown policy', ['--policy', 'hpaa'], /no policy \\"hpaa\\"/],
    ['a policy file that is not there', ['--policy', './none.mjs'], /no file \.\/none\.mjs/],
    ['a beginning after the end', ['--from', '90h'], /the trace is 86400 s long/],
    ['a bad number', ['--scale', 'much'], /--scale much/],
    ['a load of nothing', ['--scale', '0'], /--scale 0: expected a number of/],
    ['a share above one', ['--late', '200%'], /--late 200%: expected a number from 0 to 1/],
    ['a broken seed', ['--seed', '1.5'], /--seed 1\.5: expected a whole number/],
    ['a bad duration', ['--for', 'long'], /--for: long is no duration.*10m/],
    ['no time at all', ['--for', '0s'], /--for 0s: expected at least 1 s/],
    ['an option of no policy', ['--policy', 'kpa(goal=1)'], /kpa has no option \\"goal\\"; it has target/],
    ['a report that cannot be written', ['--report', '/none/at/all.html'], /--report .*no folder \/none\/at/],
  ])('refuses %s with 2', async (_, more, message) => {
    const { out, code } = await simulate(...more, '--json');
    expect(out).toMatch(message);
    expect(code).toBe(2);
  });

  it('names file and line of a bad trace, and what is wrong with a policy file', async () => {
    const bad = join(folder, 'bad.csv');
    writeFileSync(bad, 'minute,requests\n0,5\n1,x\n');
    const trace = await simulate('--trace', bad, '--json');
    expect([trace.code, trace.out]).toEqual([2, expect.stringContaining('bad.csv:3:')]);
    const empty = join(folder, 'empty.mjs');
    writeFileSync(empty, 'export const nothing = 1;\n');
    const policy = await simulate('--policy', empty, '--json');
    expect([policy.code, policy.out]).toEqual([2, expect.stringContaining('default export')]);
    const wrong = join(folder, 'wrong.mjs');
    writeFileSync(
      wrong,
      'export default { initial: () => ({}), step: () => ({ recommendation: { count: 1.5 } }) };\n',
    );
    const answer = await simulate('--policy', wrong, '--json');
    expect([answer.code, answer.out]).toEqual([2, expect.stringContaining('whole count')]);
    const throwing = join(folder, 'throwing.mjs');
    writeFileSync(
      throwing,
      'export default { initial: () => ({}), step() { throw new Error("x=1: no such option"); } };\n',
    );
    const thrown = await simulate('--policy', throwing, '--json');
    expect([thrown.code, thrown.out]).toEqual([
      2,
      expect.stringMatching(/throwing\.mjs: step\(\) threw Error: x=1: no such option/),
    ]);
    expect(existsSync(join(folder, 'report.html'))).toBe(true);
  });
});
