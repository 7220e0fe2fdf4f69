/**
 * An ssh server of a test's own on a loopback port, with keys of its own, and an `ssh` in front of PATH that knows them:
 * the way to an engine on another machine. Must never read or change a key or a configuration of this machine's user.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { freePort } from '@mitosis/coordination/testing';
import { until } from '../level/until.js';

const SSHD = '/usr/sbin/sshd';
/** Where a server of Debian leaves its rights; made by its unit, which need not run. */
const SEPARATION = '/run/sshd';
const READY_MS = 20_000;
const END_MS = 5_000;

/** Why no server can be had here; undefined: one can. */
export const whyNoSsh = (): string | undefined => {
  const missing = [SSHD, '/usr/bin/ssh', '/usr/bin/ssh-keygen'].filter((path) => !existsSync(path));
  return missing.length === 0
    ? undefined
    : `not on this machine: ${missing.join(', ')} (apt-get install openssh-server openssh-client)`;
};

export class SshServer {
  private readonly pathBefore = process.env['PATH'] ?? '';

  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly process: ChildProcess,
  ) {
    const front = join(folder, 'bin');
    mkdirSync(front);
    writeFileSync(join(front, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${join(folder, 'client')} "$@"\n`);
    chmodSync(join(front, 'ssh'), 0o700);
    searchIn(`${front}:${this.pathBefore}`);
  }

  /** @param dockerHost - the engine that `docker` on the other end speaks to */
  static async start(dockerHost: string): Promise<SshServer> {
    const reason = whyNoSsh();
    if (reason !== undefined) throw new Error(reason);
    const folder = mkdtempSync('/tmp/m-s');
    const port = await freePort();
    for (const key of ['host', 'user'])
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
    mkdirSync(SEPARATION, { recursive: true, mode: 0o755 });
    const file = (name: string): string => join(folder, name);
    writeFileSync(file('known'), `[127.0.0.1]:${port} ${readFileSync(file('host.pub'), 'utf8')}`);
    const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`;
    writeFileSync(
      file('server'),
      lines(
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${file('host')}`,
        `AuthorizedKeysFile ${file('user.pub')}`,
        `PidFile ${file('pid')}`,
        'UsePAM no',
        'PasswordAuthentication no',
        'PermitRootLogin prohibit-password',
        'StrictModes no',
        `SetEnv DOCKER_HOST=${dockerHost}`,
      ),
    );
    writeFileSync(
      file('client'),
      lines(
        `IdentityFile ${file('user')}`,
        'IdentitiesOnly yes',
        `UserKnownHostsFile ${file('known')}`,
        'GlobalKnownHostsFile /dev/null',
        'StrictHostKeyChecking yes',
        // As docs/docker.md advises: one handshake, not one for each call.
        'ControlMaster auto',
        `ControlPath ${file('c-%C')}`,
        'ControlPersist 10',
      ),
    );
    const log = openSync(file('log'), 'a');
    const child = spawn(SSHD, ['-D', '-e', '-f', file('server')], { stdio: ['ignore', log, log] });
    closeSync(log);
    const server = new SshServer(folder, port, child);
    try {
      await until('the ssh server listens', () => listens(port), READY_MS);
    } catch (error) {
      const said = readFileSync(file('log'), 'utf8');
      await server.stop();
      throw new Error(`no ssh server: ${said}`, { cause: error });
    }
    return server;
  }

  /** Ends it, and with it every connection. */
  async stop(): Promise<void> {
    searchIn(this.pathBefore);
    const { process: child, folder } = this;
    child.kill('SIGTERM');
    await until(
      'the ssh server has ended',
      () => child.exitCode !== null || child.signalCode !== null || undefined,
      END_MS,
    );
    rmSync(folder, { recursive: true, force: true });
  }
}

const searchIn = (path: string): void => {
  process.env['PATH'] = path;
};

const listens = (port: number): Promise<true> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', reject);
  });
