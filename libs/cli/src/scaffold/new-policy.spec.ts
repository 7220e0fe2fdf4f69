/** Follows docs/extending.md: what is written works as it stands, and every command and piece of code on the page is true. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Comparison } from '@mitosis/simulation/workload';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mitosis } from '../testing/run-command.testing.js';
import { policyFiles } from './policy.template.js';
import { writeNew } from './write-new.js';

const root = join(import.meta.dirname, '../../../..');
const page = readFileSync(join(root, 'docs/extending.md'), 'utf8');
const run = promisify(execFile);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'm-new-'));
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** The words of a command line; single quotes keep one together. */
const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');

const nodeTests = async (cwd: string, line: string): Promise<string> => {
  const [program, ...args] = wordsOf(line);
  expect(program).toBe('node');
  // Without the variables of this test runner, which is none of its business.
  const { stdout } = await run(process.execPath, ['--test-reporter=tap', ...args], {
    cwd,
    env: { PATH: process.env['PATH'] },
    timeout: 50_000,
  });
  return stdout;
};

const play = async (line: string, ...more: readonly string[]): Promise<Comparison> => {
  const [program, ...args] = wordsOf(line);
  expect(program).toBe('mitosis');
  const { out, code } = await mitosis(...args, ...more, '--json');
  expect([code, out]).toEqual([0, expect.any(String)]);
  return JSON.parse(out) as Comparison;
};

const lines = (start: string): readonly string[] =>
  page.split('\n').filter((line) => line.startsWith(start) && !line.includes('`'));

describe('mitosis new policy', { timeout: 60_000 }, () => {
  it('writes a policy and a test that pass as they stand, and says the commands that the page shows', async () => {
    for (const file of ['compose.yaml', 'day.csv'])
      copyFileSync(join(root, 'examples/simulate', file), join(folder, file));
    const made = lines('mitosis new')[0] ?? '';
    const { out, code } = await mitosis(...wordsOf(made).slice(1), '--json');
    expect(code).toBe(0);
    const { files, next } = JSON.parse(out) as { files: string[]; next: [string, string] };
    expect(files).toEqual(['night-shift.mjs', 'night-shift.test.mjs']);
    for (const line of next) expect(page.split('\n')).toContain(line);

    expect(await nodeTests(folder, next[0])).toMatch(/^# tests 5\n[^]*^# pass 5\n[^]*^# fail 0$/m);
    const { policies } = await play(next[1], '--from', '9h', '--for', '20m');
    expect(policies).toHaveLength(2);
    const [, mine] = policies;
    expect(mine?.latePercent).toBeLessThan(50);
    // It scales: neither one instance of each of the two components, nor all they may have.
    expect(mine?.instanceHours).toBeGreaterThan(1);
    expect(mine?.instanceHours).toBeLessThan(20);
  });

  it('says it in words without --json, and writes where --folder says', async () => {
    mkdirSync(join(folder, 'mine'));
    const { out, code } = await mitosis('new', 'policy', 'calm', '--folder', 'mine');
    expect(code).toBe(0);
    expect(out).toContain('wrote mine/calm.mjs and mine/calm.test.mjs');
    expect(readdirSync(join(folder, 'mine'))).toEqual(['calm.mjs', 'calm.test.mjs']);
  });

  it.each<readonly [string, readonly string[], RegExp]>([
    ['no name', [], /missing required argument/],
    ['two names', ['a', 'b'], /too many arguments/],
    ['capitals', ['Night'], /"Night" is no name of a policy: write/],
    ['a way out of the folder', ['../night'], /is no name of a policy/],
    ['what would end the text it is put in', ['a`b'], /is no name of a policy/],
    ['a name without end', ['a'.repeat(41)], /is no name of a policy/],
    ['a policy of the simulator', ['own'], /there is a policy own already/],
    ['a policy of the autoscaler', ['schedule'], /there is a policy schedule already \(.*\bkpa\b.*\)/],
    ['a folder that is not there', ['night', '--folder', 'none'], /there is no folder none: make it first/],
  ])('refuses %s with 2 and writes nothing', async (_, args, message) => {
    const { err, code } = await mitosis('new', 'policy', ...args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(policyFiles('night').map(({ file }) => file))(
    'leaves %s alone when it is there, and writes nothing beside it',
    async (file) => {
      writeFileSync(join(folder, file), 'mine');
      const { err, code } = await mitosis('new', 'policy', 'night');
      expect([code, err]).toEqual([2, expect.stringContaining(`${file} is there already`)]);
      expect(readdirSync(folder)).toEqual([file]);
      expect(readFileSync(join(folder, file), 'utf8')).toBe('mine');
    },
  );

  it('takes back what it wrote when the next file cannot be written', () => {
    const files = [
      { file: 'one.mjs', text: '' },
      { file: 'no-such-folder/two.mjs', text: '' },
    ];
    expect(() => writeNew(folder, '.', files)).toThrow(/nothing was written: .*no-such-folder/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the worked example of docs/extending.md', { timeout: 60_000 }, () => {
  it('shows code of the file that is executed here', () => {
    const blocks = [...page.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code ?? '');
    expect(blocks).toHaveLength(2);
    const budget = readFileSync(join(root, 'examples/simulate/budget.mjs'), 'utf8');
    for (const code of blocks) expect(budget).toContain(code);
  });

  it('passes its own test', async () => {
    const line = lines('node --test examples')[0] ?? '';
    expect(await nodeTests(root, line)).toMatch(/^# pass 4\n[^]*^# fail 0$/m);
  });

  it('pays fewer instance-hours and has more late requests under the smaller budget', async () => {
    vi.spyOn(process, 'cwd').mockReturnValue(root);
    const { policies } = await play(lines('mitosis simulate examples')[0] ?? '');
    const [large, small] = policies;
    if (large === undefined || small === undefined) throw new Error('both policies are played');
    expect(small.instanceHours).toBeLessThan(large.instanceHours);
    expect(small.latePercent).toBeGreaterThan(large.latePercent);
  });
});
