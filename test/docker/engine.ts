/**
 * A Docker engine of a test's own: data, sockets and containers apart from the machine's, its firewall left alone. Two of
 * them on one machine are two hosts. Must leave nothing behind: no container, network, volume, mount, process or file.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { until } from '../level/until.js';
import { baseImage, type BaseImageOptions } from './base-image.js';

const READY_MS = 60_000;
const END_MS = 30_000;
/** Debian keeps it outside of a user's path. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/** Debian's, with everything that any test with an engine needs. */
const PACKAGES = ['docker.io', 'docker-compose', 'iproute2', 'iptables'] as const;

export interface EngineOptions {
  /** Further options of dockerd. */
  readonly options?: readonly string[];
}

export interface DockerResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why no engine can be started here, or what else is missing of `programs`; undefined: nothing is. */
export const whyNoEngine = (programs: readonly string[] = []): string | undefined => {
  if (process.platform !== 'linux') return 'a Docker engine of our own needs Linux';
  if (process.getuid?.() !== 0) return 'starting a Docker engine of our own needs root';
  const missing = ['dockerd', 'docker', 'ip', ...programs].filter((name) => which(name) === undefined);
  if (missing.length > 0)
    return `not on this machine: ${missing.join(', ')} (apt-get install ${PACKAGES.join(' ')})`;
  return undefined;
};

const which = (name: string): string | undefined =>
  PATH.split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/**
 * Like `describe`. Where no engine can be had, or a program is missing, the suite is skipped aloud; in CI that is a
 * failure.
 */
export const describeWithEngine = (
  name: string,
  suite: () => void,
  programs: readonly string[] = [],
): void => {
  const reason = whyNoEngine(programs);
  if (reason === undefined) {
    describe(name, suite);
    return;
  }
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    describe(name, () => {
      it('has a Docker engine, as CI must', () => {
        throw new Error(reason);
      });
    });
    return;
  }
  process.stderr.write(`\n*** NOT TESTED: ${name}: ${reason}\n\n`);
  describe.skip(`${name} (not tested: ${reason})`, suite);
};

export class Engine {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  private process: ChildProcess | undefined;
  private readonly images: string[] = [];

  private constructor(
    readonly folder: string,
    private readonly options: readonly string[],
  ) {
    this.host = `unix://${join(folder, 'docker.sock')}`;
  }

  /** Resolves when it answers. Throws with its log when it does not come up. */
  static async start({ options = [] }: EngineOptions = {}): Promise<Engine> {
    const reason = whyNoEngine();
    if (reason !== undefined) throw new Error(reason);
    const engine = new Engine(mkdtempSync('/tmp/m-d'), options);
    await engine.up();
    return engine;
  }

  get socket(): string {
    return join(this.folder, 'docker.sock');
  }

  /** The daemon's process; undefined while it is not there. */
  get pid(): number | undefined {
    return this.process?.exitCode === null && this.process.signalCode === null ? this.process.pid : undefined;
  }

  /** Starts the daemon (again): containers and volumes of before are still its. */
  async up(): Promise<void> {
    const log = openSync(join(this.folder, 'log'), 'a');
    // A daemon that was killed leaves them, and takes a process that nobody has reaped yet for one that lives.
    for (const left of ['pid', 'exec/containerd/containerd.pid'])
      rmSync(join(this.folder, left), { force: true });
    this.process = spawn(
      which('dockerd') ?? 'dockerd',
      [
        `--host=${this.host}`,
        `--data-root=${join(this.folder, 'data')}`,
        `--exec-root=${join(this.folder, 'exec')}`,
        `--pidfile=${join(this.folder, 'pid')}`,
        '--bridge=none',
        '--iptables=false',
        '--ip6tables=false',
        '--ip-masq=false',
        ...this.options,
      ],
      { stdio: ['ignore', log, log], env: { ...process.env, PATH } },
    );
    try {
      await until('the Docker engine answers', () => this.answers(), READY_MS, 100);
    } catch (error) {
      const told = new Error(`no Docker engine: ${this.logTail()}`, { cause: error });
      await this.killHost();
      throw told;
    }
  }

  private async answers(): Promise<true | undefined> {
    if (this.pid === undefined) throw new Error(`dockerd ended: ${this.logTail()}`);
    const status = await new Promise<number>((resolve, reject) => {
      const request = http.get({ socketPath: this.socket, path: '/_ping', timeout: 2_000 }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on('timeout', () => request.destroy(new Error('no answer in 2 s')));
      request.on('error', reject);
    });
    return status === 200 || undefined;
  }

  private logTail(): string {
    const log = join(this.folder, 'log');
    return existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-8).join('\n') : '';
  }

  /** Runs `docker …` against this engine to its end. */
  docker(...args: readonly string[]): Promise<DockerResult> {
    return new Promise((resolve) => {
      const child = spawn('docker', args, {
        env: { ...process.env, PATH, DOCKER_HOST: this.host, DOCKER_BUILDKIT: '0' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    });
  }

  /** As `docker`, its output without white space at the ends. Throws when it fails. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr || stdout}`);
    return stdout.trim();
  }

  /** The base image, imported unless it is here, also as each of `names`; returns its name. */
  async importBase(options: BaseImageOptions & { readonly names?: readonly string[] } = {}): Promise<string> {
    const { tar, name } = baseImage(options);
    if (!this.images.includes(name)) {
      await this.must('import', '--change', 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin', tar, name);
      this.images.push(name);
    }
    for (const other of options.names ?? []) await this.must('tag', name, other);
    return name;
  }

  /** Builds a folder's Dockerfile without network or cache of others. */
  async build(folder: string, name: string, args: Readonly<Record<string, string>> = {}): Promise<void> {
    const given = Object.entries(args).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
    await this.must('build', '--network', 'none', '--quiet', '--tag', name, ...given, folder);
  }

  /** Ids of containers, in any state, that match the filters of `docker ps`. */
  async containers(...filters: readonly string[]): Promise<readonly string[]> {
    const listed = await this.must(
      'ps',
      '--all',
      '--quiet',
      '--no-trunc',
      ...filters.flatMap((filter) => ['--filter', filter]),
    );
    return listed.split('\n').filter((id) => id !== '');
  }

  /** The loss of a host: the daemon and everything it runs die at once. */
  async killHost(): Promise<void> {
    const pids = [this.pid, ...containerProcesses(this.folder)].filter((pid) => pid !== undefined);
    for (const pid of pids) signal(pid, 'SIGKILL');
    await until(
      'the engine and its containers are gone',
      () => {
        const left = containerProcesses(this.folder);
        for (const pid of left) signal(pid, 'SIGKILL');
        return (this.pid === undefined && left.length === 0) || undefined;
      },
      END_MS,
    );
    this.process = undefined;
  }

  /** The daemon alone dies, as in a crash or an upgrade; with `live-restore` its containers live on. */
  async killDaemon(kind: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    signal(pid, kind);
    await until('the daemon has ended', () => this.pid === undefined || undefined, END_MS);
    this.process = undefined;
  }

  /** Removes everything that was made with it, then the engine. */
  async stop(): Promise<void> {
    try {
      if (this.pid === undefined) await this.up();
      const containers = await this.containers();
      if (containers.length > 0) await this.must('rm', '--force', '--volumes', ...containers);
      await this.docker('network', 'prune', '--force');
      await this.docker('volume', 'prune', '--force');
      await this.killDaemon('SIGTERM');
    } finally {
      await this.killHost();
      for (const mount of mountsUnder(this.folder)) spawnSync('umount', ['--lazy', mount], { env: { PATH } });
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

const signal = (pid: number, kind: NodeJS.Signals): void => {
  try {
    process.kill(pid, kind);
  } catch {
    // Already gone.
  }
};

/** Processes of the engine in this folder: containerd, its shims, docker-proxy, and what runs in its containers. */
const containerProcesses = (folder: string): readonly number[] => {
  const all = processes();
  const roots = all.filter(
    ({ command }) => command.includes(`${folder}/`) && /containerd|docker/.test(command),
  );
  const found = new Set(roots.map(({ pid }) => pid));
  for (let grew = true; grew;) {
    const children = all.filter(({ pid, parent }) => found.has(parent) && !found.has(pid));
    for (const { pid } of children) found.add(pid);
    grew = children.length > 0;
  }
  return [...found].filter((pid) => pid !== process.pid);
};

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

const processes = (): readonly Listed[] => {
  const listed = spawnSync('ps', ['-eo', 'pid=,ppid=,stat=,args=', '-ww'], { env: { PATH } });
  return listed.stdout
    .toString()
    .split('\n')
    .flatMap((line) => {
      const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      return pid === undefined || state?.startsWith('Z') === true
        ? []
        : [{ pid: Number(pid), parent: Number(parent), command: command ?? '' }];
    });
};

const mountsUnder = (folder: string): readonly string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((mount) => mount.startsWith(`${folder}/`))
    .toReversed();
