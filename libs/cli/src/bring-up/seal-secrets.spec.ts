import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Release } from '@mitosis/contracts';
import { loadComposition } from '@mitosis/model';
import { sealSecrets } from './seal-secrets.js';
import { withRelease } from './with-release.js';

const COMPOSE = `
name: shop
services:
  web:
    command: [node, web.js]
    environment: { TOKEN: t0ken-of-web, PLAIN: seen }
    secrets: [db]
    x-mitosis: { secrets: [TOKEN] }
  plain:
    command: [node, plain.js]
secrets:
  db: { file: ./db.txt }
  unused: { environment: NOT_SET }
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync('/tmp/m-');
  writeFileSync(join(folder, 'db.txt'), 'hunter2-of-db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const graphOf = (text: string) => {
  const loaded = loadComposition({
    files: [join(folder, 'compose.yaml')],
    projectDir: folder,
    env: {},
    envFiles: [],
    profiles: [],
    highAvailability: false,
    read: (path) => (path.endsWith('compose.yaml') ? text : undefined),
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded;
};

describe('secrets at the command line', () => {
  const options = () => ({ home: folder, env: {} });

  it('leave it sealed, in files and in the environment, and warn of nothing', () => {
    const { typeGraph, warnings } = graphOf(COMPOSE);
    expect(warnings).toEqual([]);
    const sealed = sealSecrets(typeGraph, options());
    const json = JSON.stringify(sealed);
    expect(json).not.toContain('hunter2');
    expect(json).not.toContain('t0ken');
    expect(json).not.toContain('db.txt');
    expect(sealed.components['web']?.run?.env['TOKEN']).toMatch(/^sealed:v1:/u);
    expect(sealed.components['web']?.run?.env['PLAIN']).toBe('seen');
    expect(sealed.components['plain']).toBe(typeGraph.components['plain']);
  });

  it('change version and digest when they change, and nothing when they are the same', () => {
    const { typeGraph } = graphOf(COMPOSE);
    const first = sealSecrets(typeGraph, options());
    expect(sealSecrets(typeGraph, options())).toEqual(first);
    writeFileSync(join(folder, 'db.txt'), 'another');
    const second = sealSecrets(typeGraph, options());
    expect(second.digest).not.toBe(first.digest);
    expect(second.components['web']?.version).not.toBe(first.components['web']?.version);
    expect(second.components['plain']?.version).toBe(first.components['plain']?.version);
  });

  it('that are missing are named, with what to do', () => {
    const { typeGraph } = graphOf(COMPOSE);
    rmSync(join(folder, 'db.txt'));
    expect(() => sealSecrets(typeGraph, options())).toThrow(/secrets\.db of web: .*db\.txt cannot be read/u);
    const wrong = graphOf(COMPOSE.replace('secrets: [TOKEN]', 'secrets: [TOKENS]')).typeGraph;
    writeFileSync(join(folder, 'db.txt'), 'x');
    expect(() => sealSecrets(wrong, options())).toThrow(/names TOKENS, which is not in its environment/u);
  });

  it('come with the release that is to manage them', () => {
    const { typeGraph } = graphOf(COMPOSE);
    const release: Release = { version: '2', node: 'n', manager: 'm', router: 'r', agent: 'a', etcd: 'e' };
    const wanted = withRelease(typeGraph, release);
    expect(wanted.management.release).toEqual(release);
    expect(wanted.digest).toBe(`${typeGraph.digest}@2`);
  });
});
