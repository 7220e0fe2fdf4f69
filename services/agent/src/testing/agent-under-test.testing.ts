/** A real agent in a process of its own, with a home of its own, and everything a test wants to ask of it. */
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  connectAgent,
  ensureAgent,
  helloAgent,
  listPids,
  readMarkedEnvironment,
  readStat,
  scanProcesses,
  signalProcess,
  type EnsuredAgent,
} from '@mitosis/actuators';
import type { agent, common } from '@mitosis/contracts';
import { buildSync } from 'esbuild';

const BANNER = `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`;
let program: string | undefined;

/** One file from the sources, built once a test process. */
export const agentProgram = (): string => {
  program ??= bundle();
  return program;
};

const bundle = (): string => {
  const outfile = join(mkdtempSync(join(tmpdir(), 'm-agent-')), 'main.mjs');
  buildSync({
    entryPoints: [join(import.meta.dirname, '../main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['mitosis-source'],
    logLevel: 'error',
    banner: { js: BANNER },
  });
  process.once('exit', () => rmSync(outfile, { force: true }));
  return outfile;
};

const CALL_MS = 20_000;

export const epoch = (revision: number, incarnation = 1): common.Epoch => ({ incarnation, revision });

export const act = (level: string, at: common.Epoch = epoch(1)): common.ActHeader => ({
  level,
  epoch: at,
  function: 'health',
  replica: 'r1',
  decision: 'd1',
});

export const spec = (
  id: string,
  command: readonly string[],
  more: Partial<agent.InstanceSpec> = {},
): agent.InstanceSpec => ({
  id,
  component: id.split('-')[0] ?? id,
  class: 'application',
  version: '1',
  driver: 'process',
  command: [...command],
  workingDir: '',
  env: {},
  stopSignal: 'SIGTERM',
  stopGraceMs: 2_000,
  ports: [],
  listeners: [],
  probe: undefined,
  restart: undefined,
  user: '',
  logMaxBytes: 0,
  runOnce: false,
  ...more,
});

export const RESTART = { enabled: true, backoffMinMs: 20, backoffMaxMs: 1_000, resetAfterMs: 5_000 };

export class AgentUnderTest {
  readonly home = realpathSync(mkdtempSync('/tmp/m-'));
  readonly address = `unix:${join(this.home, 'agent.sock')}`;
  client = connectAgent(this.address);

  constructor(private readonly env: Readonly<Record<string, string>> = {}) {}

  async up(): Promise<EnsuredAgent> {
    return ensureAgent({
      home: this.home,
      release: { node: process.execPath, agent: agentProgram() },
      env: { ...process.env, MITOSIS_HOST: '127.0.0.1', ...this.env },
    });
  }

  /** SIGKILL to the agent alone; resolves when it is gone. */
  async kill(): Promise<void> {
    const info = await helloAgent(this.address, 2_000);
    const stat = info === undefined ? undefined : readStat(info.pid);
    if (stat === undefined) throw new Error('there is no agent to kill');
    signalProcess(stat, 'SIGKILL');
    await until('the agent is gone', () => readStat(stat.pid)?.startTicks !== stat.startTicks, 5_000, 2);
  }

  private call<R>(
    run: (metadata: Metadata, options: object, done: (error: ServiceError | null, reply: R) => void) => void,
  ): Promise<R> {
    return new Promise((resolve, reject) =>
      run(new Metadata(), { deadline: Date.now() + CALL_MS, waitForReady: true }, (error, reply) =>
        error === null ? resolve(reply) : reject(error),
      ),
    );
  }

  start(level: string, described: agent.InstanceSpec, at?: common.Epoch): Promise<agent.InstanceStatus> {
    return this.call((m, o, done) => this.client.start({ act: act(level, at), spec: described }, m, o, done));
  }
  stop(level: string, id: string, graceMs = -1, at?: common.Epoch): Promise<agent.InstanceStatus> {
    return this.call((m, o, done) =>
      this.client.stop({ act: act(level, at), id, graceMs, reason: 'test' }, m, o, done),
    );
  }
  list(level: string): Promise<agent.InstanceList> {
    return this.call((m, o, done) => this.client.list({ level }, m, o, done));
  }
  levels(): Promise<agent.LevelList> {
    return this.call((m, o, done) => this.client.levels({}, m, o, done));
  }
  birth(request: agent.BirthRequest): Promise<agent.BirthReply> {
    return this.call((m, o, done) => this.client.birth(request, m, o, done));
  }
  restore(level: string, file: string): Promise<agent.RestoreReply> {
    return this.call((m, o, done) => this.client.restore({ level, file }, m, o, done));
  }
  upgradeEtcd(level: string, program: string): Promise<agent.UpgradeEtcdReply> {
    return this.call((m, o, done) => this.client.upgradeEtcd({ level, program }, m, o, done));
  }
  purge(level: string): Promise<agent.PurgeReply> {
    return this.call((m, o, done) => this.client.purge({ level }, m, o, done));
  }
  shutdown(force: boolean): Promise<common.Empty> {
    return this.call((m, o, done) => this.client.shutdown({ force }, m, o, done));
  }
  signal(level: string, id: string, signal: string, group: boolean): Promise<common.Empty> {
    return this.call((m, o, done) => this.client.signal({ level, id, signal, group }, m, o, done));
  }
  ensureListeners(
    level: string,
    listeners: agent.ListenerRequest[],
    at?: common.Epoch,
  ): Promise<agent.ListenersReply> {
    return this.call((m, o, done) =>
      this.client.ensureListeners({ act: act(level, at), listeners }, m, o, done),
    );
  }
  releaseListeners(level: string, listeners: agent.ListenerRequest[]): Promise<common.Empty> {
    return this.call((m, o, done) =>
      this.client.releaseListeners({ act: act(level), listeners }, m, o, done),
    );
  }

  async status(level: string, id: string): Promise<agent.InstanceStatus | undefined> {
    return (await this.list(level)).instances.find((one) => one.id === id);
  }

  /** Polls the status until it fits. */
  async reaches(
    level: string,
    id: string,
    fits: (status: agent.InstanceStatus) => boolean,
    boundMs = 10_000,
  ): Promise<agent.InstanceStatus> {
    let last: agent.InstanceStatus | undefined;
    await until(
      `${id} as wanted`,
      async () => {
        last = await this.status(level, id);
        return last !== undefined && fits(last);
      },
      boundMs,
      10,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(last)}; ${this.log()}`, { cause: error });
    });
    return last!;
  }

  async output(level: string, id: string): Promise<string> {
    let text = '';
    const call = this.client.logs({ level, id, tailLines: 100, follow: false });
    for await (const chunk of call) text += (chunk as agent.LogChunk).text;
    return text;
  }

  /** Pids of everything that carries this home's mark and belongs to an instance. */
  runs(id?: string): readonly number[] {
    return scanProcesses(this.home).flatMap(({ mark, pid }) =>
      mark?.kind === 'run' && (id === undefined || mark.id === id) ? [pid] : [],
    );
  }

  /** Everything of this home, the agent and its keeper included. */
  everything(): readonly number[] {
    return listPids()
      .filter((pid) => {
        const env = readMarkedEnvironment(pid);
        return (
          pid !== process.pid &&
          (env.get('MITOSIS_HOME') === this.home || env.get('MITOSIS_TASK') === this.home)
        );
      })
      .filter((pid) => readStat(pid) !== undefined);
  }

  keeper(): number | undefined {
    return this.everything().find((pid) => readMarkedEnvironment(pid).get('MITOSIS_KEEPER') === '1');
  }

  log(): string {
    try {
      return readFileSync(join(this.home, 'agent.log'), 'utf8').slice(-4_000);
    } catch {
      return '(no log)';
    }
  }

  async dispose(): Promise<void> {
    this.client.close();
    await until(
      'nothing is left',
      () => {
        for (const pid of this.everything()) {
          const stat = readStat(pid);
          if (stat !== undefined) signalProcess(stat, 'SIGKILL');
        }
        return this.everything().length === 0;
      },
      10_000,
      10,
    );
    rmSync(this.home, { recursive: true, force: true });
  }
}

export const until = async (
  what: string,
  holds: () => Promise<boolean> | boolean,
  boundMs = 10_000,
  everyMs = 20,
): Promise<void> => {
  for (const untilMs = Date.now() + boundMs; ;) {
    if (await holds()) return;
    if (Date.now() > untilMs) throw new Error(`not within ${boundMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
};
