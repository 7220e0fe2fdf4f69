/**
 * What `mitosis new service` changes in a checkout, and that it changes nothing when it cannot. That it builds, is elected
 * and deployed is shown by test/extend/added-service.spec.ts.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mitosis } from '../testing/run-command.testing.js';
import { filesBelow, repositoryOf } from './repository.js';
import { named } from './service.template.js';

const REPOSITORY = join(import.meta.dirname, '../../../..');
const COPIED = [
  'pnpm-workspace.yaml',
  'pnpm-lock.yaml',
  'libs/contracts/src/functions.ts',
  'libs/cli/templates',
  'services/mitosisd/package.json',
  'services/mitosisd/src/services.ts',
  'services/placer/package.json',
  'services/placer/tsconfig.json',
  'services/placer/tsconfig.build.json',
];
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'm-repo-'));
  for (const file of COPIED) cpSync(join(REPOSITORY, file), join(root, file), { recursive: true });
  mkdirSync(join(root, 'deploy/bundle'), { recursive: true });
  vi.spyOn(process, 'cwd').mockReturnValue(join(root, 'services/placer'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('mitosis new service', () => {
  it('adds a folder and registers it in the one list, the manager and the lock file', async () => {
    const before = read('libs/contracts/src/functions.ts');
    const { out, code } = await mitosis(
      'new',
      'service',
      'night-watch',
      '--summary',
      "who's awake",
      '--json',
    );
    expect([code, out]).toEqual([0, expect.any(String)]);
    const { files, changed, next } = JSON.parse(out) as Record<'files' | 'changed' | 'next', string[]>;
    expect(files).toContain('services/night-watch/src/decide/decide-night-watch.spec.ts');
    expect(files.every((file) => !/newservice|new-service|tmpl/iu.test(file + read(file)))).toBe(true);
    expect(changed).toHaveLength(4);
    expect(next[0]).toBe('pnpm install');

    const list = read('libs/contracts/src/functions.ts');
    const entry =
      "  'night-watch': {\n    elected: true,\n    inManager: true,\n    summary: 'who\\'s awake',\n  },\n";
    expect(list.replace(entry, '')).toBe(before);
    expect(read('services/mitosisd/src/services.ts')).toContain(
      "  'night-watch': async () => (await import('@mitosis/night-watch')).nightWatchService,\n}",
    );
    expect(read('services/mitosisd/package.json')).toContain('"@mitosis/night-watch": "workspace:*"');
    const manifest = JSON.parse(read('services/night-watch/package.json')) as { readonly exports: object };
    expect(manifest).toMatchObject({ name: '@mitosis/night-watch' });
    expect(Object.keys(manifest.exports)).toEqual(['.']);
    expect(read('pnpm-lock.yaml')).toMatch(
      /\n {2}services\/night-watch:\n {4}dependencies:\n[^]*\n {2}services\/placer:/,
    );
    expect(read('pnpm-lock.yaml')).toContain(
      "      '@mitosis/night-watch':\n        specifier: workspace:*\n        version: link:../night-watch\n",
    );
  });

  it.each([
    ['Night', /is no name of a service/],
    ['a--b', /is no name of a service/],
    ['x'.repeat(33), /up to 32 small letters/],
    ['health', /there is a service health already/],
    ['contracts', /there is a service contracts already/],
    ['bundle', /there is a service bundle already/],
    ['operator', /there is a service operator already/],
  ])('refuses %s and changes nothing', async (name, problem) => {
    const before = filesBelow(root);
    const { err, code } = await mitosis('new', 'service', name);
    expect([code, err]).toEqual([2, expect.stringMatching(problem)]);
    expect(filesBelow(root)).toEqual(before);
  });

  it('refuses to add the same service twice', async () => {
    expect((await mitosis('new', 'service', 'twice')).code).toBe(0);
    const before = filesBelow(root);
    expect((await mitosis('new', 'service', 'twice')).code).toBe(2);
    rmSync(join(root, 'services/twice'), { recursive: true });
    const { err, code } = await mitosis('new', 'service', 'twice');
    expect([code, err]).toEqual([2, expect.stringContaining('functions.ts has twice already')]);
    expect(filesBelow(root)).toEqual(before.filter(({ file }) => !file.startsWith('services/twice/')));
  });

  it('changes nothing when one place to register it at is not as expected', async () => {
    const file = 'services/mitosisd/src/services.ts';
    writeFileSync(
      join(root, file),
      read(file).replace('as const satisfies Record<FunctionName', 'as Record<string'),
    );
    const before = filesBelow(root);
    const { err, code } = await mitosis('new', 'service', 'night-watch');
    expect([code, err]).toEqual([2, expect.stringMatching(/services\.ts: expected the line .* by hand/)]);
    expect(filesBelow(root)).toEqual(before);
  });

  it('takes everything back when the formatter fails', async () => {
    const formatter = join(root, 'node_modules/.bin/oxfmt');
    mkdirSync(dirname(formatter), { recursive: true });
    writeFileSync(formatter, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const before = filesBelow(root);
    const { err, code } = await mitosis('new', 'service', 'night-watch');
    expect([code, err]).toEqual([2, expect.stringContaining('nothing was changed')]);
    expect(filesBelow(root)).toEqual(before);
  });

  it('says where to run it when it is run elsewhere', () => {
    expect(() => repositoryOf(tmpdir())).toThrow(/is in no checkout of Mitosis/);
    expect(repositoryOf(join(root, 'services/placer'))).toBe(root);
  });

  it('puts every form of the name in', () => {
    expect(named('new-service NewService newService NEW_SERVICE', 'cost-watcher2')).toBe(
      'cost-watcher2 CostWatcher2 costWatcher2 COST_WATCHER2',
    );
  });
});
