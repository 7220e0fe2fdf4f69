/**
 * Requests per second and latency through the router, beside the stock `http-proxy` and no proxy at all, on the same
 * machine in the same run. One JSON line a figure. Needs `wrk`. Usage: pnpm bench:router [seconds] [rounds]
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createServer as createHttp, Agent } from 'node:http';
import { connect, createServer as createTcp, type AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { componentName, instanceId } from '@mitosis/contracts';
import { buildTable, DataPath, NO_INPUTS, ROUTER_DEFAULTS } from '@mitosis/router/data-path';
import httpProxy from 'http-proxy';
import { cpuSeconds } from '../level/processes.js';

const SELF = new URL(import.meta.url).pathname;
const CONNECTIONS = 32;
const BODY = 'x'.repeat(1_024);

type Role = 'target' | 'router' | 'http-proxy' | 'http-proxy-keep-alive';
const ROLES: readonly Role[] = ['http-proxy', 'http-proxy-keep-alive', 'router'];

const serve: Readonly<Record<Role, (port: number, targets: readonly number[]) => void>> = {
  target: (port) => {
    createHttp((_req, res) => void res.end(BODY)).listen(port, '127.0.0.1');
  },
  router: (port, targets) => {
    const path = new DataPath({
      config: ROUTER_DEFAULTS,
      held: undefined,
      ca: '',
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
      random: Math.random,
      onDrained: () => undefined,
      onListenerError: (_name, error) => {
        throw error;
      },
    });
    const web = componentName('web');
    const where = { component: web, port: 'default', protocol: 'http' as const, host: '127.0.0.1' };
    path.apply(
      buildTable({
        ...NO_INPUTS,
        components: { web: { kind: 'service', ports: [{ name: 'default', protocol: 'http' }] } },
        listeners: [{ ...where, name: 'web/default', number: port, published: false }],
        endpoints: {
          web: targets.map((target) => ({
            instance: instanceId(`web-${target}`),
            host: '127.0.0.1',
            ports: { default: target },
            state: 'ready',
            readySinceMs: 0,
          })),
        },
      }),
    );
  },
  'http-proxy': (port, targets) => plainProxy(port, targets, undefined),
  'http-proxy-keep-alive': (port, targets) => plainProxy(port, targets, new Agent({ keepAlive: true })),
};

function plainProxy(port: number, targets: readonly number[], agent: Agent | undefined): void {
  const proxy = httpProxy.createProxyServer(agent === undefined ? {} : { agent });
  let next = 0;
  createHttp((req, res) => {
    next = (next + 1) % targets.length;
    proxy.web(req, res, { target: `http://127.0.0.1:${targets[next] ?? 0}` }, () => res.destroy());
  }).listen(port, '127.0.0.1');
}

const [role, ...rest] = process.argv.slice(2);
if (role !== undefined && role in serve) {
  const [port, ...targets] = rest.map(Number);
  serve[role as Role](port ?? 0, targets);
} else {
  await run(Number(role ?? 5), Number(rest[0] ?? 3));
}

async function run(seconds: number, rounds: number): Promise<void> {
  const children: ChildProcess[] = [];
  try {
    const targets = [await freePort(), await freePort()];
    for (const port of targets) children.push(start('target', port, []));
    const proxies = new Map<string, number>([['none', targets[0] ?? 0]]);
    const pids = new Map<string, number>();
    for (const kind of ROLES) {
      const port = await freePort();
      proxies.set(kind, port);
      const child = start(kind, port, targets);
      children.push(child);
      if (child.pid !== undefined) pids.set(kind, child.pid);
    }
    for (const port of [...targets, ...proxies.values()]) await reachable(port);
    for (let round = 0; round <= rounds; round += 1)
      for (const [kind, port] of proxies) {
        const pid = pids.get(kind);
        const before = pid === undefined ? 0 : cpuSeconds(pid);
        const { requests, ...figures } = await load(port, round === 0 ? 1 : seconds);
        // The figure that a busy machine does not spoil.
        const cpuMicros = pid === undefined ? 0 : Math.round(((cpuSeconds(pid) - before) / requests) * 1e6);
        // The first round warms the compilers up.
        if (round > 0)
          print({ bench: 'router', proxy: kind, round, connections: CONNECTIONS, ...figures, cpuMicros });
      }
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

function start(kind: Role, port: number, targets: readonly number[]): ChildProcess {
  const args = ['--import', 'tsx', '--conditions', 'mitosis-source', SELF, kind, String(port)];
  return spawn(process.execPath, [...args, ...targets.map(String)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

interface Figures {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

function load(port: number, seconds: number): Promise<Figures> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}/`];
  return new Promise((resolve, reject) => {
    execFile('wrk', args, (error, output) => {
      if (error) return reject(error);
      const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
      const non2xx = /Non-2xx or 3xx responses: (\d+)/.exec(output);
      resolve({
        requests: Number(/(\d+) requests in/.exec(output)?.[1]),
        requestsPerSecond: Math.round(Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1])),
        p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(output)),
        p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(output)),
        errors: [...(errors ?? []), ...(non2xx ?? [])]
          .filter((text) => /^\d+$/.test(text))
          .reduce((sum, text) => sum + Number(text), 0),
      });
    });
  });
}

function milliseconds(match: RegExpExecArray | null): number {
  const factor = { us: 0.001, ms: 1, s: 1_000 }[match?.[2] ?? ''] ?? NaN;
  return Math.round(Number(match?.[1]) * factor * 100) / 100;
}

async function freePort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function reachable(port: number): Promise<void> {
  const givenUpMs = performance.now() + 20_000;
  while (performance.now() < givenUpMs) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

function print(line: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify(line));
}
