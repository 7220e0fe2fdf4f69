/** Against a Prometheus that is made up: what it answers to each query is the test's to say. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { VirtualClock } from '@mitosis/coordination';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusFeed } from './prometheus-feed.js';

const EVERY_MS = 5_000;

describe(PrometheusFeed.name, () => {
  let server: http.Server;
  let asked: string[];
  let answers: Map<string, unknown>;
  let status: number;
  let clock: VirtualClock;
  let feed: PrometheusFeed;
  let troubles: string[];
  let measured: () => void;

  beforeEach(async () => {
    asked = [];
    answers = new Map();
    status = 200;
    troubles = [];
    measured = () => undefined;
    clock = new VirtualClock();
    server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const query = new URLSearchParams(body).get('query') ?? '';
        asked.push(`${request.method} ${request.url} ${query}`);
        const result = answers.get(query) ?? [];
        const document =
          status === 200
            ? { status: 'success', data: { resultType: 'vector', result } }
            : { status: 'error', errorType: 'bad_data', error: 'parse error' };
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    feed = new PrometheusFeed({
      outside: () => ({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        everyMs: EVERY_MS,
        windowMs: 60_000,
        queries: { web: { instances: 'count(up)', p95: 'quantile' } },
      }),
      clock,
      onMeasured: () => measured(),
      onTrouble: (message) => {
        troubles.push(message);
        measured();
      },
    });
  });
  afterEach(async () => {
    feed.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const vector = (...values: readonly string[]): unknown =>
    values.map((value) => ({ metric: {}, value: [1, value] }));
  /** Resolves when the next round has ended, in whatever way. */
  const round = (begin: () => unknown): Promise<void> =>
    new Promise((resolve) => {
      measured = () => resolve();
      void begin();
    });

  it('asks each query once a round, by POST, and gives numbers', async () => {
    answers = new Map([
      ['count(up)', vector('3')],
      ['quantile', vector('0.25')],
    ]);
    await round(() => feed.start());
    expect(asked.toSorted()).toEqual(['POST /api/v1/query count(up)', 'POST /api/v1/query quantile']);
    expect(feed.latest()?.get('web')).toEqual({ instances: 3, p95: 0.25 });
    await round(() => clock.advance(EVERY_MS));
    expect(asked).toHaveLength(4);
  });

  it('takes no series and a quotient of nothing for unknown, never for zero', async () => {
    answers = new Map([['quantile', vector('NaN')]]);
    await round(() => feed.start());
    expect(feed.latest()?.get('web')).toEqual({ instances: undefined, p95: undefined });
  });

  it('forgets what it knew when Prometheus is silent for three rounds, and says so once', async () => {
    answers = new Map([['count(up)', vector('3')]]);
    await round(() => feed.start());
    status = 400;
    await round(() => clock.advance(EVERY_MS));
    expect(feed.latest()?.get('web')?.instances).toBe(3);
    expect(troubles).toEqual([expect.stringMatching(/parse error/u)]);
    await clock.advance(4 * EVERY_MS);
    expect(feed.latest()).toBeNull();
    expect(troubles.length).toBeLessThanOrEqual(2);
  });

  it('does not choose among several series', async () => {
    answers = new Map([['count(up)', vector('3', '4')]]);
    await round(() => feed.start());
    expect(troubles).toEqual([
      expect.stringMatching(/2 series where one number is asked for \(count\(up\)\)/u),
    ]);
    expect(feed.latest()).toBeNull();
  });
});
