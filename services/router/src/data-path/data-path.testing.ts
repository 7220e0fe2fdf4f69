/** A data path on loopback with targets that tests control. Everything opened here is closed by `close`. */
import {
  createServer as createHttp,
  request,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer as createTcp, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { buildTable, mergeInputs, NO_INPUTS } from '../decide/table.js';
import { component, endpoint, listener, observed, spec, type Situation } from '../decide/table.testing.js';
import { ROUTER_DEFAULTS, type RouterConfig } from '../router.config.js';
import { DataPath } from './data-path.js';

export interface Bench {
  readonly path: DataPath;
  readonly port: number;
  /** Counted calls of `onDrained`. */
  readonly drained: () => number;
  apply(situation: Situation): void;
  /** Starts an HTTP target; answers its port. */
  target(listenerFn: RequestListener): Promise<{ readonly port: number; readonly server: Server }>;
  tcpTarget(
    onSocket: (socket: Socket) => void,
  ): Promise<{ readonly port: number; readonly server: TcpServer }>;
  close(): Promise<void>;
}

export const freePort = async (): Promise<number> => {
  const server = createTcp();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

/** A router with one listener for the component `web`. */
export const openBench = async (
  overrides: Partial<RouterConfig> = {},
  options: { readonly protocol?: 'http' | 'tcp'; readonly ca?: string } = {},
): Promise<Bench> => {
  const protocol = options.protocol ?? 'http';
  const port = await freePort();
  const closers: (() => Promise<unknown>)[] = [];
  let drained = 0;
  const path = new DataPath({
    config: { ...ROUTER_DEFAULTS, drainIdleMs: 10, drainMaxMs: 2_000, ...overrides },
    held: undefined,
    ca: options.ca ?? '',
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    random: Math.random,
    onDrained: () => (drained += 1),
    onListenerError: (_name, error) => {
      throw error;
    },
  });
  const bench: Bench = {
    path,
    port,
    drained: () => drained,
    apply: (situation) => {
      const parts = {
        spec: spec('web', [component('web', 'service', protocol)]),
        listeners: [listener('web/default', 'web', port, protocol)],
        ...situation,
      };
      path.apply(buildTable(mergeInputs(NO_INPUTS, observed(parts))));
    },
    target: async (onRequest) => {
      const server = createHttp(onRequest);
      closers.push(() => closeServer(server));
      return { port: await listen(server), server };
    },
    tcpTarget: async (onSocket) => {
      const open = new Set<Socket>();
      const server = createTcp({ allowHalfOpen: true }, (socket) => {
        open.add(socket);
        onSocket(socket.on('error', () => undefined));
      });
      closers.push(() => {
        for (const socket of open) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      });
      return { port: await listen(server), server };
    },
    close: async () => {
      await path.stop();
      await Promise.all(closers.map((close) => close()));
    },
  };
  bench.apply({});
  return bench;
};

export const listen = async (server: TcpServer): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

export const closeServer = (server: Server): Promise<unknown> => {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  return closed;
};

/** Longer than any request is held, and than a router takes to start. */
const ANSWER_MS = 15_000;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** One request on a connection of its own; rejects when the connection breaks. */
export const ask = (
  port: number,
  options: {
    readonly path?: string;
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string | Buffer;
  } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { path = '/', method = 'GET', headers = {} } = options;
    const req = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.setTimeout(ANSWER_MS, () => req.destroy(new Error('no answer in time')));
    req.end(options.body);
  });

/** Waits for a level, looking every few milliseconds; throws after 5 s. */
export const until = async (reached: () => boolean, what = 'the condition'): Promise<void> => {
  const begunMs = performance.now();
  while (!reached()) {
    if (performance.now() - begunMs > 5_000) throw new Error(`${what} was not reached within 5 s`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

/** An endpoint of `web`. */
export const at = (id: string, port: number, state: 'ready' | 'draining' = 'ready') =>
  endpoint(id, port, state);
