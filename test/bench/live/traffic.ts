/**
 * Open-loop Poisson traffic along a trace. Moments and service times are drawn beforehand from one seed, so that every
 * policy meets the very same requests; each is timed from the moment it was meant to be sent.
 */
import http from 'node:http';
import { seededRandom, traceSeconds, type ServiceTime, type Trace } from '@mitosis/simulation/workload';

export interface Request {
  /** From the beginning; negative: before anything is judged. */
  readonly dueMs: number;
  readonly serviceMs: number;
}

export interface TrafficCounts {
  requests: number;
  /** Answered after the objective, or given up by the client. */
  late: number;
  /** Answered with an error, or a connection broke: none of a policy's business, and counted apart. */
  failed: number;
  readonly failures: string[];
  /** Sent this much after it was due, at worst: says whether the machine kept up. */
  sendDelayMaxMs: number;
}

/** A constant part and an exponential one, as the simulation draws service times of less than exponential spread. */
const drawService = ({ meanMs, scv }: ServiceTime, uniform: number): number => {
  const spreadMs = meanMs * Math.sqrt(scv);
  return meanMs - spreadMs - Math.log(1 - uniform) * spreadMs;
};

/** The load of the beginning lasts `warmupS` before it. */
export const requestsOf = (
  trace: Trace,
  service: ServiceTime,
  warmupS: number,
  seed: number,
): readonly Request[] => {
  const random = seededRandom(seed).split('live');
  const requests: Request[] = [];
  for (let second = -warmupS; second < traceSeconds(trace); second += 1) {
    const rate = trace.rates[Math.max(0, Math.floor(second / trace.binS))] ?? 0;
    // Without memory: beginning anew each second changes nothing.
    let at = second;
    for (;;) {
      at += rate > 0 ? -Math.log(1 - random.next()) / rate : Infinity;
      if (at >= second + 1) break;
      requests.push({ dueMs: at * 1_000, serviceMs: drawService(service, random.next()) });
    }
  }
  return requests;
};

const TICK_MS = 2;
/** As long as a request is let wait in the simulation. */
const PATIENCE_MS = 10_000;

export interface Traffic {
  /** When second 0 of the trace begins, on the monotonic clock. */
  readonly zeroMs: number;
  /** Resolves with the counts when the last request is answered or given up. */
  readonly done: Promise<TrafficCounts>;
}

type Outcome = { readonly kind: 'answered' | 'given-up' } | { readonly kind: 'failed'; readonly why: string };

const send = (url: string, agent: http.Agent, { serviceMs }: Request): Promise<Outcome> =>
  new Promise((resolve) => {
    const request = http.get(`${url}?ms=${serviceMs.toFixed(2)}`, { agent }, (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      response.once('end', () =>
        resolve(status === 200 ? { kind: 'answered' } : { kind: 'failed', why: `status ${status}` }),
      );
      response.once('error', (error) => resolve({ kind: 'failed', why: error.message }));
    });
    const timer = setTimeout(() => {
      resolve({ kind: 'given-up' });
      request.destroy();
    }, PATIENCE_MS);
    request.once('close', () => clearTimeout(timer));
    request.once('error', (error) => resolve({ kind: 'failed', why: error.message }));
  });

const FAILURES_TOLD = 10;

/** Begins at once with the warm-up. */
export const startTraffic = (
  url: string,
  requests: readonly Request[],
  warmupS: number,
  objectiveMs: number,
): Traffic => {
  const zeroMs = performance.now() + warmupS * 1_000;
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 512 });
  const counts: TrafficCounts = { requests: 0, late: 0, failed: 0, failures: [], sendDelayMaxMs: 0 };
  const running = new Set<Promise<void>>();
  const one = async (request: Request): Promise<void> => {
    const delayMs = performance.now() - zeroMs - request.dueMs;
    const outcome = await send(url, agent, request);
    const tookMs = performance.now() - zeroMs - request.dueMs;
    if (request.dueMs < 0) return;
    counts.requests += 1;
    counts.sendDelayMaxMs = Math.max(counts.sendDelayMaxMs, delayMs);
    if (outcome.kind === 'failed') {
      counts.failed += 1;
      if (counts.failures.length < FAILURES_TOLD)
        counts.failures.push(`second ${Math.round(request.dueMs / 1_000)}: ${outcome.why}`);
    } else if (outcome.kind === 'given-up' || tookMs > objectiveMs) counts.late += 1;
  };
  const done = new Promise<TrafficCounts>((resolve, reject) => {
    let next = 0;
    const timer = setInterval(() => {
      const nowMs = performance.now() - zeroMs;
      for (; next < requests.length; next += 1) {
        const request = requests[next];
        if (request === undefined || request.dueMs > nowMs) break;
        const sent: Promise<void> = one(request).finally(() => running.delete(sent));
        running.add(sent);
      }
      if (next < requests.length) return;
      clearInterval(timer);
      Promise.all(running)
        .then(() => agent.destroy())
        .then(() => resolve(counts), reject);
    }, TICK_MS);
  });
  return { zeroMs, done };
};
