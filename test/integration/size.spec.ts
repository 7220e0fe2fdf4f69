/**
 * A size that was learned is put in force on a running level: the record the autoscaler writes becomes another version in the
 * spec, instances are replaced one after the other under load, and the composition's own limits come back with it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KEYS, levelId, levelPrefix, type InstanceRecord, type SizeRecord } from '@mitosis/contracts';
import { EtcdStore } from '@mitosis/coordination';
import { afterEach, describe, expect, it } from 'vitest';
import { Host } from '../level/host.js';
import { startLoad, type Load } from '../level/load.js';
import { until } from '../level/until.js';

const PORT = 19_700 + (process.pid % 97);
const MIB = 1024 * 1024;

const SERVER = `import http from 'node:http';
const server = http.createServer((request, response) => setTimeout(() => response.end('ok'), 5));
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

const compose = (memory: string): string => `name: sized
services:
  web:
    command: ["node", "server.mjs"]
    ports: ["127.0.0.1:${PORT}:8080"]
    deploy: { replicas: 2, resources: { limits: { memory: ${memory} } } }
    x-mitosis: { size: apply }
`;

const learned = (memory: number, of: number): SizeRecord =>
  ({
    v: 1,
    component: 'web',
    cpus: 0,
    memoryBytes: memory * MIB,
    of: { cpus: 0, memoryBytes: of * MIB },
    atMs: Date.now(),
    reason: 'what instances used',
    decision: 'test',
  }) as SizeRecord;

describe('a component that is sized', () => {
  let host: Host | undefined;
  let folder: string | undefined;
  let store: EtcdStore | undefined;
  let load: Load | undefined;
  afterEach(async () => {
    await load?.stop();
    await store?.close();
    await host?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('is rolled under load without a failed request when its memory limit was too large, then too small', async () => {
    host = new Host();
    folder = mkdtempSync('/tmp/m-size-');
    writeFileSync(join(folder, 'server.mjs'), SERVER);
    const file = join(folder, 'compose.yaml');
    writeFileSync(file, compose('512M'));
    const up = await host.mitosis('up', file);
    expect(up.code, up.stderr).toBe(0);
    const etcd = (await host.levels())[0]?.management.find(({ component }) => component === 'mitosis-etcd');
    const opened = new EtcdStore({
      endpoints: [`http://${etcd?.host}:${etcd?.ports['client']}`],
      prefix: levelPrefix(levelId('sized')),
    });
    store = opened;
    const put = (key: string, value: object): Promise<unknown> =>
      opened.txn([], [{ kind: 'put', key, value: JSON.stringify(value) }]);

    const web = async (): Promise<readonly InstanceRecord[]> =>
      (await host!.level('sized')).graph.instances.filter((one) => one.component === 'web');
    const rolledTo = (suffix: string): Promise<readonly InstanceRecord[]> =>
      until(
        `two ready instances of ${suffix === '' ? 'the version the composition says' : suffix} and no other`,
        async () => {
          const instances = await web();
          const right = instances.every(
            ({ version, phase }) =>
              phase === 'ready' && (suffix === '' ? !version.includes('M') : version.endsWith(suffix)),
          );
          return instances.length === 2 && right ? instances : undefined;
        },
        90_000,
      );
    const before = await rolledTo('');
    load = startLoad(`http://127.0.0.1:${PORT}/`, 40);

    await put(KEYS.size('web'), learned(160, 512));
    const smaller = await rolledTo('-160M');
    expect(smaller.map(({ id }) => id)).not.toEqual(expect.arrayContaining([before[0]?.id]));
    await put(KEYS.size('web'), learned(640, 512));
    await rolledTo('-640M');
    const explained = await host.mitosis('decisions', 'sized', '--json');
    expect(explained.stdout).toContain('no cpus, 160 MiB → no cpus, 640 MiB');

    // Nothing to apply: the size is no difference. Other limits: the composition is right again.
    expect(JSON.parse((await host.mitosis('diff', file, '--json')).stdout)).toMatchObject({ changes: [] });
    writeFileSync(file, compose('256M'));
    expect((await host.mitosis('apply', file)).code).toBe(0);
    await rolledTo('');

    const counts = await load.stop();
    expect(counts.sent).toBeGreaterThan(100);
    expect({ failed: counts.failed, refused: counts.refused, why: counts.failures }).toEqual({
      failed: 0,
      refused: 0,
      why: [],
    });
  });
});
