/**
 * A constant, open-loop load of idempotent requests, half over kept connections, half over new ones. It counts as a
 * failure only what a careful client could not help: a connection error is retried once within 2 s.
 */
import http from 'node:http';

export interface LoadCounts {
  sent: number;
  ok: number;
  /** Connection refused at the first try: must never happen. */
  refused: number;
  /** Connections that broke under a request at the first try. */
  resets: number;
  /** Failed for good: an error status, or a connection error also at the retry. */
  failed: number;
  readonly failures: string[];
  readonly latenciesMs: number[];
}

export interface Load {
  readonly counts: LoadCounts;
  inFlight(): number;
  /** Stops sending and waits for what is in flight. */
  stop(): Promise<LoadCounts>;
}

const RETRY_WITHIN_MS = 2_000;
/** A new connection: others of the same pool may have broken as well, unnoticed. */
const AGAIN = new http.Agent({ keepAlive: false });
const REQUEST_TIMEOUT_MS = 10_000;

export interface LoadOptions {
  /**
   * Every retry waits, not only that of a refused connection: where another process takes an address over, a connection
   * that broke is followed by a moment in which it refuses.
   */
  readonly waitsBeforeRetry?: boolean;
  /** When a request counts as never answered. Default 10 s. */
  readonly timeoutMs?: number;
}

export function startLoad(url: string, perSecond: number, options: LoadOptions = {}): Load {
  const counts: LoadCounts = {
    sent: 0,
    ok: 0,
    refused: 0,
    resets: 0,
    failed: 0,
    failures: [],
    latenciesMs: [],
  };
  const kept = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const fresh = new http.Agent({ keepAlive: false });
  const running = new Set<Promise<void>>();
  const started = performance.now();
  let due = 0;
  const timer = setInterval(() => {
    for (; due < ((performance.now() - started) / 1_000) * perSecond; due += 1) {
      const one = send(url, due % 2 === 0 ? kept : fresh, counts, options).finally(() => running.delete(one));
      running.add(one);
    }
  }, 5);
  return {
    counts,
    inFlight: () => running.size,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(running);
      kept.destroy();
      fresh.destroy();
      return counts;
    },
  };
}

async function send(url: string, agent: http.Agent, counts: LoadCounts, options: LoadOptions): Promise<void> {
  counts.sent += 1;
  const start = performance.now();
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  const first = await get(url, agent, timeoutMs);
  if (first.kind === 'refused') counts.refused += 1;
  if (first.kind === 'reset') counts.resets += 1;
  let last = first;
  // A refused connection stays refused for a moment: the one retry comes at the end of what the client may wait.
  const retried = first.kind === 'refused' || first.kind === 'reset';
  if (first.kind === 'refused' || (retried && options.waitsBeforeRetry === true))
    await new Promise((resolve) => setTimeout(resolve, RETRY_WITHIN_MS - 200));
  if (retried) last = await get(url, AGAIN, timeoutMs);
  counts.latenciesMs.push(performance.now() - start);
  if (last.kind === 'answered' && last.status < 500) {
    counts.ok += 1;
    return;
  }
  counts.failed += 1;
  const how = last.kind === 'answered' ? `status ${last.status} ${last.body}` : `${last.kind} ${last.reason}`;
  if (counts.failures.length < 20)
    counts.failures.push(`${new Date().toISOString()} ${how} (first ${first.kind})`);
}

type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  | { readonly kind: 'refused' | 'reset' | 'timeout'; readonly reason: string };

function get(url: string, agent: http.Agent, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (body.length < 200) body += chunk;
      });
      response.on('end', () =>
        resolve({ kind: 'answered', status: response.statusCode ?? 0, body: body.slice(0, 200) }),
      );
      response.on('error', (error) => resolve({ kind: 'reset', reason: error.message }));
    });
    request.on('timeout', () => {
      resolve({ kind: 'timeout', reason: `no answer in ${timeoutMs} ms` });
      request.destroy();
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: error.code === 'ECONNREFUSED' ? 'refused' : 'reset', reason: error.message }),
    );
  });
}
