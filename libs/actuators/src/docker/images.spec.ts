/** Pulls against an engine that is made up: what it answers is the test's to say. */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineClient } from './engine-client.js';
import { Images } from './images.js';

type Answer = { readonly status?: number; readonly lines: readonly unknown[] };

describe('pulling images', () => {
  const folder = mkdtempSync('/tmp/m-i');
  let server: http.Server;
  let pulls: string[];
  let answers: Answer[];
  let here: Set<string>;
  let pauses: number[];
  let images: Images;

  beforeEach(async () => {
    pulls = [];
    pauses = [];
    here = new Set();
    answers = [];
    server = http.createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      if (url.pathname.startsWith('/images/create')) {
        const image = `${url.searchParams.get('fromImage')}:${url.searchParams.get('tag')}`;
        pulls.push(image);
        const { status = 200, lines } = answers.shift() ?? { lines: [] };
        if (status === 200 && !lines.some((line) => 'error' in (line as object))) here.add(image);
        response.writeHead(status).end(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
        return;
      }
      const name = decodeURIComponent(url.pathname.slice('/images/'.length, -'/json'.length));
      response.writeHead(here.has(name) ? 200 : 404).end('{}');
    });
    const path = join(folder, 'docker.sock');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    images = new Images({
      client: new EngineClient({ kind: 'unix', path }),
      pause: async (ms) => {
        pauses.push(ms);
      },
    });
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(join(folder, 'docker.sock'), { force: true });
  });

  const ensure = (image: string, policy = '', built = false, told: string[] = []): Promise<void> =>
    images.ensure({ image, policy, built }, (detail) => told.push(detail), new AbortController().signal);

  it('pulls what is missing, once for all who want it, and tells how far it is', async () => {
    const layers = [
      { id: '1', status: 'Pulling from web' },
      { id: 'a', status: 'Downloading', progressDetail: { current: 2 ** 20, total: 2 ** 21 } },
      { id: 'b', status: 'Pull complete' },
    ];
    answers = [{ lines: layers }];
    const told: string[] = [];
    await Promise.all([ensure('web:1', '', false, told), ensure('web:1'), ensure('web:1')]);
    await ensure('web:1');
    expect(pulls).toEqual(['web:1']);
    expect(told.at(-1)).toBe('pulling web:1: 1 of 2 layers, 1 MiB under way');
  });

  it('tries again with a growing pause while the registry is away', async () => {
    const away = { lines: [{ error: 'dial tcp: connection refused' }] };
    answers = [away, { status: 500, lines: [{ message: 'timeout' }] }, away, { lines: [] }];
    const told: string[] = [];
    await ensure('web:1', '', false, told);
    expect(pulls).toHaveLength(4);
    expect(pauses).toEqual([500, 1_000, 2_000]);
    expect(told[0]).toContain('connection refused');
  });

  it('gives up after some attempts, and says the last reason', async () => {
    answers = Array.from({ length: 20 }, () => ({ lines: [{ error: 'still away' }] }));
    await expect(ensure('web:1')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('still away'),
    });
    expect(pulls).toHaveLength(6);
  });

  it.each([
    { lines: [{ error: 'manifest for web:1 not found: manifest unknown' }] },
    { lines: [{ error: 'pull access denied for web, repository does not exist' }] },
    { status: 404, lines: [{ message: 'no such image' }] },
  ])('does not ask again for what there is not', async (answer) => {
    answers = [answer];
    await expect(ensure('web:1')).rejects.toMatchObject({ code: 'not_found' });
    expect(pulls).toHaveLength(1);
  });

  it('pulls nothing that may not be pulled', async () => {
    await expect(ensure('web:1', 'never')).rejects.toThrow(/pull_policy says/);
    await expect(ensure('web:1', '', true)).rejects.toThrow(/build it there/);
    expect(pulls).toEqual([]);
  });

  it('uses what is here when a newer one cannot be had', async () => {
    here.add('web:1');
    answers = [{ lines: [{ error: 'unauthorized' }] }];
    const told: string[] = [];
    await ensure('web:1', 'always', false, told);
    expect(pulls).toHaveLength(1);
    expect(told.at(-1)).toMatch(/the image here is used/);
  });

  it('takes latest for the tag when none is said, also behind a registry with a port', async () => {
    answers = [{ lines: [] }, { lines: [] }];
    await ensure('web');
    await ensure('registry:5000/web');
    expect(pulls).toEqual(['web:latest', 'registry:5000/web:latest']);
  });
});
