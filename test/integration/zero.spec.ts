/** From and to zero: nothing runs until a request comes, which waits for the first instance; the last one goes when none comes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Host } from '../level/host.js';
import { until } from '../level/until.js';

const PORT = 19_500 + (process.pid % 97);

const SERVER = `import http from 'node:http';
const server = http.createServer((request, response) => response.end('awake'));
setTimeout(() => server.listen(Number(process.env.PORT), process.env.HOST), 1500);
process.on('SIGTERM', () => process.exit(0));
`;

describe('a component with a minimum of zero', () => {
  let host: Host | undefined;
  let folder: string | undefined;
  afterEach(async () => {
    await host?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('starts at the first request, which is held and answered, and stops when nobody asks', async () => {
    host = new Host();
    folder = mkdtempSync('/tmp/m-zero-');
    writeFileSync(join(folder, 'server.mjs'), SERVER);
    const file = join(folder, 'compose.yaml');
    writeFileSync(
      file,
      `name: zero\nservices:\n  web:\n    command: ["node", "server.mjs"]\n    ports: ["127.0.0.1:${PORT}:8080"]\n` +
        `    x-mitosis: { scale: { min: 0, max: 2, idle: 3s }, policy: { kind: target, metric: rps, value: 50/s } }\n`,
    );
    const up = await host.mitosis('up', file);
    expect(up.code, up.stderr).toBe(0);
    const instances = async (): Promise<number> =>
      (await host!.level('zero')).graph.instances.filter((one) => one.component === 'web').length;
    expect(await instances()).toBe(0);

    const answers = await Promise.all([1, 2, 3].map(() => fetch(`http://127.0.0.1:${PORT}/`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await instances()).toBe(1);

    await until('back at zero', async () => (await instances()) === 0 || undefined, 60_000);
    const explained = await host.mitosis('explain', 'zero', 'web', '--json');
    expect(explained.stdout).toContain('no request for 3 s');
    expect((await fetch(`http://127.0.0.1:${PORT}/`)).status).toBe(200);
  });
});
