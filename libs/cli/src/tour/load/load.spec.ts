import http from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { LoadGenerator } from './generator.js';
import { dueS, kindOf, rateAt, type LoadPiece } from './profile.js';
import type { Sample } from './sample.js';
import { bySecond, percentile, summarise, within } from './statistics.js';

const sample = (over: Partial<Sample>): Sample => ({
  atMs: 0,
  latencyMs: 1,
  kind: 0,
  outcome: 'ok',
  status: 200,
  firstTry: '',
  degraded: false,
  provider: '',
  ...over,
});

describe('the schedule', () => {
  const piece = fc.record({
    from: fc.integer({ min: 0, max: 300 }),
    to: fc.integer({ min: 1, max: 300 }),
    seconds: fc.integer({ min: 1, max: 60 }),
  });
  it('offers the integral of its rate, not less because of answers', () => {
    fc.assert(
      fc.property(piece, fc.double({ min: 0, max: 1, noNaN: true }), ({ from, to, seconds }, part) => {
        const atS = part * seconds;
        const offered = ((from + rateAt({ from, to, seconds }, atS)) / 2) * atS;
        const sent = Math.ceil(offered);
        if (sent > 0) expect(dueS({ from, to, seconds }, sent - 1)).toBeLessThanOrEqual(atS + 1e-6);
        expect(dueS({ from, to, seconds }, sent + 1)).toBeGreaterThan(atS - 1e-6);
      }),
    );
  });
  it('goes on at its last rate, and ends when that is zero', () => {
    const flat: LoadPiece = { from: 10, to: 10, seconds: 1 };
    expect(dueS(flat, 25)).toBeCloseTo(2.5);
    expect(dueS({ from: 10, to: 0, seconds: 2 }, 10)).toBe(Infinity);
    expect(dueS({ from: 0, to: 0, seconds: 0 }, 0)).toBe(Infinity);
  });
  it('keeps the mix in every stretch', () => {
    const kinds = [
      { name: 'page', path: '/', share: 0.75 },
      { name: 'checkout', path: '/checkout', share: 0.25 },
    ];
    for (const start of [0, 1_000, 123_456]) {
      const stretch = Array.from({ length: 100 }, (_, at) => kindOf(kinds, start + at));
      expect(stretch.filter((kind) => kind === 1).length).toBeGreaterThanOrEqual(24);
      expect(stretch.filter((kind) => kind === 1).length).toBeLessThanOrEqual(27);
    }
  });
});

describe('statistics', () => {
  it('take the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, at) => at + 1);
    expect([percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1)]).toEqual([50, 95, 100]);
    expect(percentile([], 0.5)).toBeNull();
  });
  it('count what failed for good apart from what a retry mended', () => {
    const mended = sample({ firstTry: 'reset' });
    const lost = sample({ firstTry: 'refused', outcome: 'unreachable' });
    expect(summarise([mended, lost, sample({})])).toMatchObject({
      sent: 3,
      failed: 1,
      refused: 1,
      resets: 1,
    });
  });
  it('have a place for a second without samples', () => {
    const seconds = bySecond([sample({ atMs: 100 }), sample({ atMs: 2_100 })], 0, 3_000);
    expect(seconds.map(({ summary }) => summary.sent)).toEqual([1, 0, 1]);
    expect(seconds[1]?.summary.p95Ms).toBeNull();
  });
  it('put a sample into the window it was meant for', () => {
    expect(within([sample({ atMs: 10 }), sample({ atMs: 20 })], 10, 20)).toHaveLength(1);
  });
});

describe('the generator', () => {
  let server: http.Server | undefined;
  afterEach(() => server?.close());

  const listen = async (handler: http.RequestListener): Promise<string> => {
    server = http.createServer(handler);
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const KINDS = [{ name: 'page', path: '/?n={n}', share: 1 }];

  /** Plays until so many samples were taken. */
  const play = async (url: string, rate: number, count: number): Promise<readonly Sample[]> => {
    const samples: Sample[] = [];
    let enough = (): void => undefined;
    const done = new Promise<void>((resolve) => (enough = resolve));
    const generator = new LoadGenerator(url, KINDS, (one) => {
      samples.push(one);
      if (samples.length === count) enough();
    });
    generator.play({ seconds: 60, from: rate, to: rate });
    await done;
    await generator.stop();
    return samples;
  };

  it('counts the time a request waited to be sent, not only the answer', async () => {
    // A server that answers one request after the other: the schedule does not wait for it, the queue shows.
    let queue = Promise.resolve();
    const url = await listen((_request, response) => {
      queue = queue
        .then(() => new Promise((resolve) => setTimeout(resolve, 20)))
        .then(() => void response.end());
    });
    const samples = await play(url, 100, 40);
    const latencies = samples.map((one) => one.latencyMs);
    expect(Math.max(...latencies)).toBeGreaterThan(200);
  });

  it('tries a reset connection once more and counts it', async () => {
    let seen = 0;
    const url = await listen((request, response) => {
      seen += 1;
      if (seen === 1) request.socket.destroy();
      else response.setHeader('x-provider', 'own').end();
    });
    const [first] = await play(url, 5, 1);
    expect(first).toMatchObject({ outcome: 'ok', firstTry: 'reset', provider: 'own' });
    expect(first!.latencyMs).toBeGreaterThan(90);
  });

  it('gives up on what is refused twice', async () => {
    const url = await listen((_request, response) => void response.end());
    await new Promise((resolve) => server!.close(resolve));
    const [first] = await play(url, 5, 1);
    expect(first).toMatchObject({ outcome: 'unreachable', firstTry: 'refused', status: 0 });
  });

  it('takes an error status for failed', async () => {
    const url = await listen((_request, response) => void response.writeHead(503).end());
    const [first] = await play(url, 5, 1);
    expect(first).toMatchObject({ outcome: 'error', status: 503, firstTry: '' });
  });
});
