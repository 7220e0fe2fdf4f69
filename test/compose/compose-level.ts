/**
 * A level from separately deployed services under docker-compose, on an engine of the test's own: images, up, the
 * command line against it, and what its services say of themselves. Must leave nothing: `stop` takes the engine away.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTION_NAMES } from '@mitosis/contracts';
import { parse } from 'yaml';
import { Engine } from '../docker/engine.js';
import { REPOSITORY } from '../level/host.js';
import { until } from '../level/until.js';

const COMPOSE_FILE = join(REPOSITORY, 'deploy/compose/docker-compose.yml');
const PROJECT = 'm-compose';
const IMAGE = 'mitosis:test';
const PATH = `/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`;
const UP_BOUND_MS = 90_000;

interface ComposeFile {
  readonly services: Readonly<Record<string, { readonly environment?: Readonly<Record<string, string>> }>>;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface InstanceOf {
  readonly id: string;
  readonly component: string;
  readonly phase: string;
}

export class ComposeLevel {
  readonly folder = mkdtempSync('/tmp/m-c');
  readonly state = join(this.folder, 'state');
  private readonly compose = parse(readFileSync(COMPOSE_FILE, 'utf8')) as ComposeFile;

  private constructor(
    readonly engine: Engine,
    readonly base: string,
    private readonly etcdImage: string,
  ) {
    mkdirSync(this.state, { mode: 0o700 });
    chownSync(this.state, 1000, 1000);
  }

  /** An engine with the images on it; nothing runs yet. */
  static async prepare(): Promise<ComposeLevel> {
    const engine = await Engine.start();
    try {
      const base = await engine.importBase();
      const etcdImage = await engine.importBase({ programs: ['etcd', 'etcdctl'] });
      const level = new ComposeLevel(engine, base, etcdImage);
      await level.buildImage();
      return level;
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  private async buildImage(): Promise<void> {
    const out = join(this.folder, 'image');
    must(process.execPath, [join(REPOSITORY, 'deploy/docker/layout.mjs'), out]);
    const dockerfile = join(REPOSITORY, 'deploy/docker/Dockerfile');
    const args = [
      '--network',
      'none',
      '--quiet',
      '--target',
      'prebuilt',
      '--build-arg',
      `BASE_IMAGE=${this.base}`,
    ];
    await this.engine.must('build', '--file', dockerfile, '--tag', IMAGE, ...args, out);
  }

  get services(): readonly string[] {
    return Object.keys(this.compose.services);
  }

  env(): Readonly<Record<string, string>> {
    return {
      PATH,
      HOME: this.folder,
      DOCKER_HOST: this.engine.host,
      COMPOSE_PROJECT_NAME: PROJECT,
      MITOSIS_IMAGE: IMAGE,
      MITOSIS_ETCD_IMAGE: this.etcdImage,
      MITOSIS_STATE: this.state,
      DOCKER_SOCKET: this.engine.socket,
      DOCKER_GROUP: String(groupOf(this.engine.socket)),
      MITOSIS_DOCKER_POOL: '10.214.0.0/16',
    };
  }

  dockerCompose(...args: readonly string[]): Promise<Ran> {
    return run('docker-compose', ['--file', COMPOSE_FILE, ...args], { ...this.env() });
  }

  async up(): Promise<void> {
    const { code, stderr, stdout } = await this.dockerCompose('up', '--detach', '--no-color');
    if (code !== 0) throw new Error(`docker-compose up: ${stderr || stdout}`);
  }

  /** Every service's own word that it is ready. */
  async ready(): Promise<void> {
    await until('every service is ready', () => this.allReady(), UP_BOUND_MS, 200);
  }

  private async allReady(): Promise<true> {
    for (const name of this.services) {
      const port = this.compose.services[name]?.environment?.['MITOSIS_HTTP_PORT'];
      if (port === undefined) continue;
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) });
      if (!answer.ok) throw new Error(`${name}: ${await answer.text()}`);
    }
    return true;
  }

  /** Which replica leads a function; undefined while none says so. */
  async leader(name: string): Promise<string | undefined> {
    for (const [replica, { environment }] of Object.entries(this.compose.services)) {
      const port = environment?.['MITOSIS_HTTP_PORT'];
      if (port === undefined || !replica.startsWith(`${name}-`)) continue;
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(1_000) });
        if ((await answer.text()).includes('"leading":true')) return replica;
      } catch {
        // Down, or paused.
      }
    }
    return undefined;
  }

  mitosis(...args: readonly string[]): Promise<Ran> {
    const managers = Object.values(this.compose.services)
      .map(({ environment }) => environment?.['MITOSIS_GRPC_PORT'])
      .filter((port) => port !== undefined)
      .map((port) => `127.0.0.1:${port}`);
    return run(process.execPath, [join(REPOSITORY, 'libs/cli/bin/mitosis.mjs'), ...args], {
      PATH,
      HOME: this.folder,
      NO_COLOR: '1',
      MITOSIS_HOME: this.state,
      MITOSIS_LEVEL: 'shop',
      MITOSIS_MANAGERS: managers.join(','),
      DOCKER_HOST: this.engine.host,
    });
  }

  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.mitosis(...args);
    if (code !== 0) throw new Error(`mitosis ${args.join(' ')}: ${stderr || stdout}`);
    return stdout;
  }

  /** Puts a composition in force. */
  async apply(text: string): Promise<void> {
    const file = join(this.folder, 'compose.yaml');
    writeFileSync(file, text);
    await this.must('apply', '-f', file);
  }

  async instances(component: string): Promise<readonly InstanceOf[]> {
    const graph = JSON.parse(await this.must('graph', '--json')) as {
      readonly instances: readonly InstanceOf[];
    };
    return graph.instances.filter((one) => one.component === component);
  }

  /** Waits until so many instances of a component are ready and no other is. */
  async scaledTo(component: string, count: number, boundMs = 60_000): Promise<void> {
    await until(
      `${count} ready instances of ${component}`,
      async () => {
        const found = await this.instances(component);
        const ready = found.filter(({ phase }) => phase === 'ready').length;
        if (ready === count && found.length === count) return true;
        throw new Error(found.map(({ id, phase }) => `${id} ${phase}`).join(', ') || 'none');
      },
      boundMs,
      300,
    );
  }

  container(name: string): string {
    return `${PROJECT}_${name}_1`;
  }

  /** Log lines of all services, for a failed test. */
  async logs(...names: readonly string[]): Promise<string> {
    const { stdout, stderr } = await this.dockerCompose('logs', '--no-color', '--tail', '30', ...names);
    return stdout + stderr;
  }

  async down(): Promise<void> {
    const { code, stderr } = await this.dockerCompose('down', '--volumes', '--timeout', '10');
    if (code !== 0) throw new Error(`docker-compose down: ${stderr}`);
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const SERVICES_UNDER_TEST = FUNCTION_NAMES;

const groupOf = (path: string): number => {
  const said = spawnSync('stat', ['-c', '%g', path], { env: { PATH } });
  return Number(said.stdout.toString().trim());
};

const must = (command: string, args: readonly string[]): void => {
  const done = spawnSync(command, args, { env: { PATH } });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr.toString()}`);
};

const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
