/** Routers as real processes that inherit a listener, as the agent starts them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import net from 'node:net';

interface TcpHandle {
  readonly fd: number;
  getsockname(out: { port?: number }): number;
  close(): void;
}

export interface HeldListener {
  readonly fd: number;
  readonly port: number;
  close(): void;
}

/** A socket that is bound and never listens here: what the agent does (its own file says why this handle). */
export const holdSocket = (): HeldListener => {
  const create = (net as unknown as { _createServerHandle: (...of: unknown[]) => TcpHandle | number })
    ._createServerHandle;
  const handle = create('127.0.0.1', 0, 4);
  if (typeof handle === 'number') throw new Error(`cannot bind: ${handle}`);
  const name: { port?: number } = {};
  handle.getsockname(name);
  return { fd: handle.fd, port: name.port ?? 0, close: () => handle.close() };
};

export interface RouterProcess {
  readonly child: ChildProcess;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly output: () => string;
}

export interface RouterProcessOptions {
  readonly id: string;
  readonly etcd: string;
  readonly data: string;
  readonly listener: HeldListener;
}

/** The listener's name is `web/default`. */
export const startRouter = ({ id, etcd, data, listener }: RouterProcessOptions): RouterProcess => {
  const main = new URL('main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions', 'mitosis-source', main], {
    stdio: ['ignore', 'pipe', 'pipe', listener.fd],
    env: {
      ...process.env,
      // For its decorators.
      TSX_TSCONFIG_PATH: new URL('../../../libs/tsconfig/all.json', import.meta.url).pathname,
      MITOSIS_LEVEL: 'shop',
      MITOSIS_INSTANCE: id,
      MITOSIS_SITE: 'local',
      MITOSIS_ETCD: etcd,
      MITOSIS_DATA: data,
      MITOSIS_LEASE_TTL_MS: '2000',
      MITOSIS_LISTENERS: JSON.stringify([
        { name: 'web/default', fd: 3, host: '127.0.0.1', port: listener.port },
      ]),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, ended, output: () => output };
};

export interface LoadResult {
  readonly sent: number;
  readonly ok: number;
  /** Connections that broke before an answer; each was tried once more. */
  readonly resets: number;
  readonly refused: number;
  /** What failed after that one more try, or was answered with an error. */
  readonly failures: readonly string[];
}

/** A constant load of GETs over kept-alive connections, until `stop`; a broken connection is tried once more. */
export const startLoad = (port: number, clients: number) => {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const counts = { sent: 0, ok: 0, resets: 0, refused: 0 };
  const failures: string[] = [];
  const stopping = new AbortController();
  const once = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const req = request({ host: '127.0.0.1', port, agent }, (res) => {
        res.resume().on('end', () => resolve(res.statusCode ?? 0));
        res.on('error', reject);
      });
      req.on('error', reject).end();
    });
  const one = async (): Promise<void> => {
    counts.sent += 1;
    const status = await once().catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') counts.refused += 1;
      else counts.resets += 1;
      return once().catch((again: Error) => again.message);
    });
    if (status === 200) counts.ok += 1;
    else failures.push(String(status));
  };
  const loops = Array.from({ length: clients }, async () => {
    while (!stopping.signal.aborted) await one();
  });
  return {
    counts,
    stop: async (): Promise<LoadResult> => {
      stopping.abort();
      await Promise.all(loops);
      agent.destroy();
      return { ...counts, failures };
    },
  };
};
