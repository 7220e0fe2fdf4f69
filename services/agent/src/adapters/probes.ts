/** Runs one probe of an instance on this host. Never throws, never takes longer than its time, leaves nothing running. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { TLS_FILES } from '@mitosis/identity';

export interface ProbeResult {
  readonly ok: boolean;
  /** For people: the end of the output, the status, or the error. */
  readonly detail: string;
}

/** Docker keeps as much of a health check's output. */
const OUTPUT_MAX = 4_096;

export const tcpProbe = (host: string, port: number, timeoutMs: number): Promise<ProbeResult> =>
  new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const done = (ok: boolean, detail: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ok, detail });
    };
    const timer = setTimeout(() => done(false, `no connection within ${timeoutMs} ms`), timeoutMs);
    socket.once('connect', () => done(true, ''));
    socket.once('error', (error) => done(false, error.message));
  });

export interface HttpTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Directory of the certificate it is asked with; undefined: plain HTTP. */
  readonly tlsDir: string | undefined;
}

/** Read anew each time: it is renewed meanwhile. The port says who is asked, and the authority that it is one of ours. */
const certificateIn = (tlsDir: string) => ({
  cert: readFileSync(join(tlsDir, TLS_FILES.certificate)),
  key: readFileSync(join(tlsDir, TLS_FILES.key)),
  ca: readFileSync(join(tlsDir, TLS_FILES.authority)),
  servername: 'mitosis',
  checkServerIdentity: () => undefined,
});

/** Any status from 200 to 399 is a success. */
export const httpProbe = (
  { host, port, path, tlsDir }: HttpTarget,
  timeoutMs: number,
): Promise<ProbeResult> =>
  new Promise((resolve) => {
    const target = { host, port, path: path === '' ? '/' : path, agent: false } as const;
    let request: http.ClientRequest;
    try {
      request = tlsDir === undefined ? http.get(target) : https.get({ ...target, ...certificateIn(tlsDir) });
    } catch (error) {
      resolve({ ok: false, detail: (error as Error).message });
      return;
    }
    const done = (ok: boolean, detail: string): void => {
      clearTimeout(timer);
      request.destroy();
      resolve({ ok, detail });
    };
    const timer = setTimeout(() => done(false, `no answer within ${timeoutMs} ms`), timeoutMs);
    request.on('error', (error) => done(false, error.message));
    request.once('response', (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      const ok = status >= 200 && status < 400;
      done(ok, ok ? '' : `HTTP status ${status}`);
    });
  });

export interface ExecProbe {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** State directory: the mark by which a successor finds what a killed agent left. */
  readonly home: string;
  readonly timeoutMs: number;
}

export const execProbe = ({ command, cwd, env, home, timeoutMs }: ExecProbe): Promise<ProbeResult> =>
  new Promise((resolve) => {
    const [program = '', ...args] = command;
    const { MITOSIS_HOME: _home, MITOSIS_RUN: _run, ...rest } = env;
    const child = spawn(program, args, {
      cwd,
      // A task's mark and not the instance's: it must not count as a part of the instance.
      env: { ...rest, MITOSIS_TASK: home },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_MAX);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const done = (ok: boolean, detail: string): void => {
      clearTimeout(timer);
      killGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ ok, detail: (output.trim() === '' ? detail : output.trim()).slice(-OUTPUT_MAX) });
    };
    const timer = setTimeout(() => done(false, `did not end within ${timeoutMs} ms`), timeoutMs);
    child.once('error', (error) => done(false, error.message));
    child.once('exit', (code, signal) =>
      // Its last output may arrive after its end.
      setImmediate(() => done(code === 0, code === 0 ? '' : `ended with ${code ?? signal}`)),
    );
  });

const killGroup = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing left.
  }
};
