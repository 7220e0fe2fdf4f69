/** Secrets of a composition reach its instance and are found nowhere else: not in etcd, not in a log, not in a record. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '@mitosis/coordination/testing';
import { Host, REPOSITORY, type CommandResult } from '../level/host.js';
import { until } from '../level/until.js';

const run = promisify(execFile);
const COMPOSE = join(REPOSITORY, 'test/security/secrets.yaml');
const db = `db-${randomBytes(12).toString('hex')}-abc`;
const token = `token-${randomBytes(12).toString('hex')}-xyz`;

let host: Host;
let port = 0;
let up: CommandResult;
beforeAll(async () => {
  port = await freePort();
  host = new Host({ SECRET_DB: db, SECRET_TOKEN: token, SECRETS_PORT: String(port), MITOSIS_LOG: 'debug' });
  up = await host.mitosis('up', COMPOSE);
  expect(up.code, up.stderr).toBe(0);
});
afterAll(() => host.dispose());

const answer = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();

/** Files below the home that hold one of the secrets. */
const leaks = (): string[] =>
  readdirSync(host.home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size > 0 && containsSecret(readFileSync(file, 'latin1')))
    .map((file) => relative(host.home, file));

const containsSecret = (text: string): boolean => text.includes(db) || text.includes(token);

it('gives them to the instance, as a file and as a variable', async () => {
  expect(await answer()).toBe(`${db.length}:abc ${token.length}:xyz`);
});

it('keeps them out of etcd, out of every log, record and answer', async () => {
  const [info] = await host.levels();
  const etcd = info?.management.find(({ component }) => component === 'mitosis-etcd');
  const dump = await run('etcdctl', ['get', '', '--prefix'], {
    env: {
      PATH: process.env['PATH'],
      ETCDCTL_API: '3',
      ETCDCTL_ENDPOINTS: `http://127.0.0.1:${etcd?.ports['client']}`,
    },
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(dump.stdout).toContain('sealed:v1:');
  expect(containsSecret(dump.stdout)).toBe(false);
  // Only the instance's own file, in a directory nobody else enters.
  expect(leaks().map((file) => file.replace(/web-[a-z0-9]+/u, 'web'))).toEqual([
    'levels/shop/instances/web/secrets/db',
  ]);
  const told = [up];
  for (const command of [['status'], ['graph'], ['decisions'], ['logs'], ['explain', 'web']])
    told.push(await host.mitosis(...command, '--json'));
  expect(told.filter(({ stdout, stderr }) => containsSecret(stdout + stderr))).toEqual([]);
});

it('applies the same secrets again without a change, and takes the files away with the instance', async () => {
  const again = await host.mitosis('up', COMPOSE, '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ changed: false });
  expect((await host.mitosis('scale', 'shop', 'web=0')).code).toBe(0);
  await until('no secret is left', () => leaks().length === 0 || undefined, 45_000);
});
