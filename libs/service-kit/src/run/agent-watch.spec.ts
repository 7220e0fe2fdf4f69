import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SilentLogger } from '../testing/silent-logger.testing.js';
import { isGone, watchAgent } from './agent-watch.js';

let directory: string;
let address: string;
let ending: AbortController;
const servers: Server[] = [];

beforeEach(() => {
  directory = mkdtempSync('/tmp/m-');
  address = `unix:${join(directory, 'agent.sock')}`;
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

const listen = async (): Promise<Server> => {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(join(directory, 'agent.sock'), resolve));
  return server;
};

const watch = (ensureAgent: (signal: AbortSignal) => Promise<void>): Promise<void> =>
  watchAgent(
    { address, ensureAgent, log: new SilentLogger(), random: () => 0.5, periodMs: 20 },
    ending.signal,
  );

describe(isGone.name, () => {
  it('holds for a socket that is missing or that nobody listens on', async () => {
    expect(await isGone(address)).toBe(true);
    expect(await isGone('127.0.0.1:1')).toBe(true);
  });

  it('does not hold for an agent that listens but never answers', async () => {
    await listen();
    expect(await isGone(address)).toBe(false);
  });
});

describe(watchAgent.name, () => {
  it('leaves an agent alone that is there, and starts it once when it is gone', async () => {
    const agent = await listen();
    let starts = 0;
    const watching = watch(async () => {
      starts += 1;
      await listen();
    });
    let looks = 0;
    agent.on('connection', () => (looks += 1));
    await vi.waitFor(() => expect(looks).toBeGreaterThan(3));
    expect(starts).toBe(0);
    await new Promise((resolve) => agent.close(resolve));
    await vi.waitFor(() => expect(starts).toBe(1));
    await vi.waitFor(async () => expect(await isGone(address)).toBe(false));
    ending.abort();
    await watching;
    expect(starts).toBe(1);
  });

  it('tries again, ever more slowly, when the agent cannot be started', async () => {
    const startedAtMs: number[] = [];
    const watching = watch(() => {
      startedAtMs.push(performance.now());
      return Promise.reject(new Error('no such file'));
    });
    await vi.waitFor(() => expect(startedAtMs).toHaveLength(4), { timeout: 5_000 });
    ending.abort();
    await watching;
    const gaps = startedAtMs.slice(1).map((at, i) => at - (startedAtMs[i] ?? 0));
    expect(gaps[2]).toBeGreaterThan(gaps[0] ?? Infinity);
  });

  it('ends with its signal, also in the middle of a start', async () => {
    let begun = false;
    const watching = watch(
      (signal) =>
        new Promise((_, reject) => {
          begun = true;
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    );
    await vi.waitFor(() => expect(begun).toBe(true));
    ending.abort();
    await watching;
  });
});
