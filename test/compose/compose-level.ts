/**
 * A level from separately deployed services under docker-compose, on an engine of the test's own: images, up, the
 * command line against it, and what its services say of themselves. Must leave nothing: `stop` takes the engine away.
 */
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FunctionName } from '@mitosis/contracts';
import { parse, stringify } from 'yaml';
import { Engine } from '../docker/engine.js';
import { REPOSITORY } from '../level/host.js';
import { askGuarded } from '../level/ask-guarded.js';
import { until } from '../level/until.js';
import { takeMachine } from './machine-lock.js';
import { mustRun, run, type Ran } from './run.js';

const COMPOSE_FILE = join(REPOSITORY, 'deploy/compose/docker-compose.yml');
const PROJECT = 'm-compose';
export const IMAGE = 'mitosis:test';
const NEXT_IMAGE = 'mitosis:next';
const CLI = join(REPOSITORY, 'libs/cli/bin/mitosis.mjs');
export const READY_BOUND_MS = 90_000;
/** Groups of the containers, one each: what tells their packets apart (faults.ts). No group of this machine. */
const FIRST_GROUP = 61_700;
/** Ten samples of use make a size: in seconds instead of minutes. */
const SIZE_SAMPLE_MS = '2000';

interface ComposeService {
  readonly user: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Who leads a function, and since which election. */
export interface Leadership {
  readonly replica: string;
  /** Create-revision of its election key. */
  readonly revision: number;
}

interface StatusDocument {
  readonly functions: readonly {
    readonly function: string;
    readonly leading: boolean;
    readonly epoch: string;
  }[];
}

export class ComposeLevel {
  readonly image = IMAGE;
  readonly folder = mkdtempSync('/tmp/m-c');
  readonly state = join(this.folder, 'state');
  private readonly compose = (
    parse(readFileSync(COMPOSE_FILE, 'utf8')) as { services: Readonly<Record<string, ComposeService>> }
  ).services;
  private readonly overridesFile = join(this.folder, 'overrides.yml');

  private constructor(
    readonly engine: Engine,
    readonly base: string,
    private readonly etcdImage: string,
    private readonly leaveMachine: () => void,
  ) {
    mkdirSync(this.state, { mode: 0o700 });
    chownSync(this.state, 1000, 1000);
    writeFileSync(this.overridesFile, this.overrides());
  }

  /** An engine with the images on it; nothing runs yet. */
  static async prepare(): Promise<ComposeLevel> {
    const leaveMachine = await takeMachine();
    const engine = await Engine.start();
    try {
      const base = await engine.importBase();
      const etcdImage = await engine.importBase({ programs: ['etcd', 'etcdctl'] });
      const level = new ComposeLevel(engine, base, etcdImage, leaveMachine);
      await level.buildImage();
      return level;
    } catch (error) {
      await engine.stop();
      leaveMachine();
      throw error;
    }
  }

  private async buildImage(): Promise<void> {
    const out = join(this.folder, 'image');
    await mustRun(process.execPath, [join(REPOSITORY, 'deploy/docker/layout.mjs'), out]);
    const dockerfile = join(REPOSITORY, 'deploy/docker/Dockerfile');
    const target = ['--target', 'prebuilt', '--build-arg', `BASE_IMAGE=${this.base}`];
    const named = ['--file', dockerfile, '--tag', IMAGE];
    await this.engine.must('build', '--network', 'none', '--quiet', ...target, ...named, out);
    // What a roll rolls to: to docker-compose another image, and so another container.
    await this.engine.must('tag', IMAGE, NEXT_IMAGE);
  }

  /** The compose file's users, each in a group of its own, and what the level's services are told beside the file. */
  private overrides(): string {
    const sized = this.replicas('autoscaler');
    const services = Object.fromEntries(
      Object.entries(this.compose).map(([name, { user }]) => [
        name,
        {
          user: `${user.split(':')[0]}:${this.group(name)}`,
          ...(sized.includes(name)
            ? { environment: { MITOSIS_AUTOSCALER_SIZE_SAMPLE_MS: SIZE_SAMPLE_MS } }
            : {}),
        },
      ]),
    );
    return stringify({ version: '3.8', services });
  }

  group(name: string): number {
    return FIRST_GROUP + this.services.indexOf(name);
  }

  get services(): readonly string[] {
    return Object.keys(this.compose);
  }

  replicas(fn: FunctionName): readonly string[] {
    return this.services.filter((name) => name.startsWith(`${fn}-`));
  }

  private env(): Readonly<Record<string, string>> {
    return {
      HOME: this.folder,
      DOCKER_HOST: this.engine.host,
      COMPOSE_PROJECT_NAME: PROJECT,
      MITOSIS_IMAGE: IMAGE,
      MITOSIS_ETCD_IMAGE: this.etcdImage,
      MITOSIS_STATE: this.state,
      DOCKER_SOCKET: this.engine.socket,
      DOCKER_GROUP: String(statSync(this.engine.socket).gid),
      MITOSIS_DOCKER_POOL: '10.214.0.0/16',
    };
  }

  private dockerCompose(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const files = ['--file', COMPOSE_FILE, '--file', this.overridesFile];
    return run('docker-compose', [...files, ...args], { ...this.env(), ...env });
  }

  private async mustCompose(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { code, stderr, stdout } = await this.dockerCompose(args, env);
    if (code !== 0) throw new Error(`docker-compose ${args.join(' ')}: ${stderr || stdout}`);
  }

  /** All of it, or the named services with what they depend on. */
  up(...names: readonly string[]): Promise<void> {
    return this.mustCompose(['up', '--detach', '--no-color', ...names]);
  }

  /** One container made anew of the next image, as an upgrade does. */
  async roll(name: string): Promise<void> {
    const env = { MITOSIS_IMAGE: NEXT_IMAGE };
    await this.mustCompose(['up', '--detach', '--no-color', '--no-deps', name], env);
    const image = await this.engine.must('inspect', '--format', '{{.Config.Image}}', this.container(name));
    if (image !== NEXT_IMAGE) throw new Error(`${name} still runs ${image}`);
  }

  /** TLS directory of this host's people, which the agent makes. */
  get operator(): string {
    return join(this.state, 'tls/shop/operator');
  }

  /** Every service's own word that it is ready, or of the named ones. */
  async ready(...names: readonly string[]): Promise<void> {
    const asked = names.length === 0 ? this.services : names;
    await until('every service is ready', () => this.allReady(asked), READY_BOUND_MS, 200);
  }

  private async allReady(names: readonly string[]): Promise<true> {
    for (const name of names) {
      const answer = await this.ask(name, '/readyz');
      if (answer !== undefined && !answer.ok) throw new Error(`${name}: ${await answer.text()}`);
    }
    return true;
  }

  /** What a service answers over HTTP; undefined: it is none that speaks it. */
  private async ask(name: string, path: string): Promise<Response | undefined> {
    const port = this.compose[name]?.environment?.['MITOSIS_HTTP_PORT'];
    if (port === undefined) return undefined;
    return askGuarded(this.operator, Number(port), path);
  }

  /** Which replica leads a function; undefined while none says so. */
  async leader(fn: FunctionName): Promise<Leadership | undefined> {
    const asked = await Promise.all(this.replicas(fn).map((replica) => this.leads(fn, replica)));
    return asked.filter((one) => one !== undefined).sort((a, b) => b.revision - a.revision)[0];
  }

  private async leads(fn: FunctionName, replica: string): Promise<Leadership | undefined> {
    try {
      const answer = await this.ask(replica, '/status');
      if (answer === undefined) return undefined;
      const { functions } = (await answer.json()) as StatusDocument;
      const own = functions.find((one) => one.function === fn);
      return own?.leading === true
        ? { replica, revision: Number(own.epoch.slice(own.epoch.indexOf('.') + 1)) }
        : undefined;
    } catch {
      // Down, or paused.
      return undefined;
    }
  }

  mitosis(...args: readonly string[]): Promise<Ran> {
    const managers = Object.values(this.compose)
      .map(({ environment }) => environment?.['MITOSIS_GRPC_PORT'])
      .filter((port) => port !== undefined)
      .map((port) => `127.0.0.1:${port}`);
    return run(process.execPath, [CLI, ...args], {
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

  environment(name: string): Readonly<Record<string, string>> {
    return this.compose[name]?.environment ?? {};
  }

  /** All that a container has said. */
  async containerLog(name: string): Promise<string> {
    const { stdout, stderr } = await this.engine.docker('logs', this.container(name));
    return stdout + stderr;
  }

  container(name: string): string {
    return `${PROJECT}_${name}_1`;
  }

  /** Log lines of all services, what was decided, and what ran, for a failed test. */
  async account(): Promise<string> {
    const logs = await this.dockerCompose(['logs', '--no-color', '--tail', '60']);
    const decisions = await this.mitosis('decisions', 'shop', '--limit', '100');
    const containers = await this.engine.docker('ps', '--all', '--no-trunc');
    return [logs, decisions, containers].map(({ stdout, stderr }) => stdout + stderr).join('\n');
  }

  down(): Promise<void> {
    return this.mustCompose(['down', '--volumes', '--timeout', '10']);
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    rmSync(this.folder, { recursive: true, force: true });
    this.leaveMachine();
  }
}
