/**
 * A connection to an engine on another machine through `ssh … docker system dial-stdio`, as the docker command makes it:
 * the user's own configuration, keys and known hosts count. One connection is one ssh, and serves call after call: to make
 * one takes half a second where a login shell starts on the other side. What ssh says when it comes to
 * nothing is the connection's error; must never ask a person for anything.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import http from 'node:http';
import { Duplex, type Readable, type Writable } from 'node:stream';
import type { EngineAddress } from './engine-address.js';

const SAID_MAX = 2_000;
/** ssh itself bounds what a dead network would make endless. */
const CONNECT_SECONDS = 10;

/** A connection nobody has used for so long is given up, and so is every one above that number. */
const IDLE_MS = 20_000;
const IDLE_MAX = 2;

type SshAddress = Extract<EngineAddress, { kind: 'ssh' }>;

/** Keeps connections between calls. */
export class SshConnections extends http.Agent {
  constructor(private readonly address: SshAddress) {
    super({ keepAlive: true, maxFreeSockets: IDLE_MAX });
  }

  override createConnection(): Duplex {
    return dialStdio(this.address);
  }

  override keepSocketAlive(connection: Duplex): boolean {
    (connection as DialedStdio).rest(IDLE_MS);
    return true;
  }
}

const dialStdio = ({ target, port }: SshAddress): DialedStdio => {
  const where = port === '' ? [target] : ['-p', port, target];
  const how = ['-T', '-o', 'BatchMode=yes', '-o', `ConnectTimeout=${CONNECT_SECONDS}`];
  return new DialedStdio(
    spawn('ssh', [...how, ...where, 'docker', 'system', 'dial-stdio'], { stdio: ['pipe', 'pipe', 'pipe'] }),
  );
};

class DialedStdio extends Duplex {
  private said = '';
  private heard = false;
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly child: ChildProcessByStdio<Writable, Readable, Readable>) {
    super({ allowHalfOpen: true });
    child.once('error', (error) => this.destroy(error));
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => (this.said = (this.said + String(chunk)).slice(-SAID_MAX)));
    child.stdout.on('data', (chunk: Buffer) => {
      this.heard = true;
      if (!this.push(chunk)) child.stdout.pause();
    });
    // Not before all its output is read and its exit code is known: an end alone would say nothing of the reason.
    child.once('close', (code) => {
      if (code === 0 || this.heard) this.push(null);
      else this.destroy(new Error(lastLine(this.said) || `ssh ended with ${code}`));
    });
  }

  /** No call uses it; it ends when none comes. */
  rest(boundMs: number): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.destroy(), boundMs).unref();
  }

  /** `http.Agent` does this to a connection that a call uses again. */
  ref(): this {
    clearTimeout(this.idle);
    return this;
  }

  override _read(): void {
    this.child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // Whether it arrived is told by the answer: when ssh ends first, `close` says why.
    this.child.stdin.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.idle);
    this.child.kill('SIGTERM');
    done(error);
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? '';
