/** One host under test: its state directory, the command line run on it, and what its agent and levels say. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { agent, health, management, type InstanceGraphView, type InstanceRecord } from '@mitosis/contracts';
import { hostProcesses, killProcesses, type HostProcess } from './processes.js';
import { until } from './until.js';

export const REPOSITORY = resolve(import.meta.dirname, '../..');
const CLI = join(REPOSITORY, 'libs/cli/bin/mitosis.mjs');
const CALL_MS = 3_000;

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface LevelView {
  readonly level: string;
  readonly agentSays: readonly agent.InstanceStatus[];
  readonly directory: management.DirectoryReply;
  readonly composite: health.CompositeHealth;
  readonly graph: InstanceGraphView;
}

export class Host {
  readonly home: string;
  private readonly agentClient: agent.AgentClient;
  private readonly clients = new Map<string, { close(): void }>();

  /** `cli`: the command of another build; `cwd`: where it is run. */
  constructor(
    readonly env: Readonly<Record<string, string>> = {},
    public cli = CLI,
    private readonly cwd = REPOSITORY,
  ) {
    this.home = mkdtempSync('/tmp/m-');
    this.agentClient = new agent.AgentClient(
      `unix:${join(this.home, 'agent.sock')}`,
      credentials.createInsecure(),
    );
  }

  /** Runs `mitosis …` to its end. */
  mitosis(...args: readonly string[]): Promise<CommandResult> {
    return this.mitosisWith({}, ...args);
  }

  /** … with further variables. */
  mitosisWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandResult> {
    return new Promise((done) => {
      const start = performance.now();
      const child = spawn(process.execPath, [this.cli, ...args], {
        cwd: this.cwd,
        env: { ...process.env, ...this.env, ...env, MITOSIS_HOME: this.home, NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.on('close', (code) => done({ code: code ?? -1, stdout, stderr, ms: performance.now() - start }));
    });
  }

  processes(): HostProcess[] {
    return hostProcesses(this.home);
  }

  /** What the agent says of itself. */
  hello(): Promise<agent.AgentInfo> {
    return unary<agent.AgentInfo>((callback) =>
      this.agentClient.hello({}, new Metadata(), deadline(), callback),
    );
  }

  async levels(): Promise<readonly agent.LevelInfo[]> {
    const reply = await unary<agent.LevelList>((callback) =>
      this.agentClient.levels({}, new Metadata(), deadline(), callback),
    );
    return reply.levels;
  }

  /** Everything known of one level, from its leaders. */
  async level(name: string): Promise<LevelView> {
    const info = (await this.levels()).find((candidate) => candidate.level === name);
    if (info === undefined) throw new Error(`agent knows no level ${name}`);
    const agentSays = await unary<agent.InstanceList>((callback) =>
      this.agentClient.list({ level: name }, new Metadata(), deadline(), callback),
    );
    const directory = await this.directory(info);
    const leader = directory.leaders.find((candidate) => candidate.function === 'health');
    if (leader === undefined) throw new Error(`${name}: health has no leader`);
    const client = this.client(
      leader.grpc,
      (address) => new health.HealthClient(address, credentials.createInsecure()),
    );
    const [composite, graph] = await Promise.all([
      unary<health.CompositeHealth>((callback) => client.composite({}, new Metadata(), deadline(), callback)),
      unary<health.InstanceGraphReply>((callback) =>
        client.instanceGraph({}, new Metadata(), deadline(), callback),
      ),
    ]);
    return {
      level: name,
      agentSays: agentSays.instances,
      directory,
      composite,
      graph: JSON.parse(graph.json) as InstanceGraphView,
    };
  }

  private async directory(info: agent.LevelInfo): Promise<management.DirectoryReply> {
    const managers = info.management.filter(
      (one) => one.component === 'mitosis-manager' && one.state === 'running',
    );
    let error: unknown = new Error(`${info.level}: no manager runs`);
    for (const manager of managers) {
      const address = `${manager.host}:${manager.ports['grpc'] ?? 0}`;
      const client = this.client(
        address,
        (target) => new management.ManagementClient(target, credentials.createInsecure()),
      );
      try {
        return await unary<management.DirectoryReply>((callback) =>
          client.directory({}, new Metadata(), deadline(), callback),
        );
      } catch (cause) {
        error = cause;
      }
    }
    throw error;
  }

  private client<C extends { close(): void }>(address: string, make: (address: string) => C): C {
    const key = `${make.toString()} ${address}`;
    const known = this.clients.get(key);
    if (known !== undefined) return known as C;
    const made = make(address);
    this.clients.set(key, made);
    return made;
  }

  /** Waits until every named level is ready and the process list is exactly what the instance graphs say. */
  async converged(names: readonly string[], boundMs = 30_000): Promise<readonly LevelView[]> {
    return until(
      `levels ${names.join(', ')} converged`,
      async () => {
        const views = await Promise.all(names.map((name) => this.level(name)));
        const problems = [...views.flatMap(notReady), ...this.mismatches(views)];
        if (problems.length > 0) throw new Error(problems.join('; '));
        return views;
      },
      boundMs,
      100,
    );
  }

  /** Strays, duplicates and missing processes: the process list held against the instance graphs. */
  mismatches(views: readonly LevelView[]): string[] {
    const wanted = new Map<string, InstanceRecord>(
      views.flatMap((view) => view.graph.instances).map((instance) => [instance.id as string, instance]),
    );
    const sessions = new Map<string, Set<number>>();
    for (const found of this.processes()) {
      if (found.instance === '') continue;
      const known = sessions.get(found.instance) ?? new Set<number>();
      sessions.set(found.instance, known.add(found.session));
    }
    const strays = [...sessions.keys()].filter((id) => !wanted.has(id)).map((id) => `stray process of ${id}`);
    const twice = [...sessions].filter(([, own]) => own.size > 1).map(([id]) => `${id} runs more than once`);
    const missing = [...wanted.values()]
      .filter((instance) => instance.phase === 'ready' && !sessions.has(instance.id))
      .map((instance) => `${instance.id} is ready in the graph and has no process`);
    return [...strays, ...twice, ...missing];
  }

  /** Ends everything of this host whatever state it is in, and removes its directory. */
  async dispose(): Promise<void> {
    await this.end();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Ends everything; logs, records and histories stay. */
  async end(): Promise<void> {
    await this.mitosis('down', '--all').catch(() => undefined);
    killProcesses(this.home);
    this.agentClient.close();
    for (const client of this.clients.values()) client.close();
  }
}

function notReady(view: LevelView): string[] {
  if (view.composite.ready) return [];
  const parts = view.composite.components
    .filter((component) => component.ready < component.wanted)
    .map((component) => `${component.component} ${component.ready}/${component.wanted} ${component.reason}`);
  return [`${view.level} not ready: ${view.composite.reason} ${parts.join(', ')}`];
}

const deadline = (): { deadline: number } => ({ deadline: Date.now() + CALL_MS });

function unary<R>(call: (callback: (error: Error | null, reply: R) => void) => unknown): Promise<R> {
  return new Promise((resolve, reject) => {
    call((error, reply) => (error === null ? resolve(reply) : reject(error)));
  });
}
