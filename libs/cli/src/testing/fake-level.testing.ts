/** A level as the command line sees it, without one: an agent on a unix socket and two managers, all answering what the test says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata, Server, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  agent,
  composer,
  health,
  management,
  type DecisionRecord,
  type InstanceGraphView,
  type TypeGraph,
} from '@mitosis/contracts';

export interface FakeState {
  leaders: management.Leader[];
  composite: health.CompositeHealth;
  graph: InstanceGraphView;
  typeGraph: TypeGraph | undefined;
  decisions: DecisionRecord[];
  /** Answers of Composer.Dispose, one after the other; the last one repeats. */
  disposals: composer.DisposeReply[];
  readonly calls: { readonly method: string; readonly manager: string; readonly request: unknown }[];
}

type Reply<R> = (error: Partial<ServiceError> | null, response?: R) => void;

export const refusal = (code: status, ours: string, leader = ''): Partial<ServiceError> => {
  const metadata = new Metadata();
  metadata.set('mitosis-code', ours);
  if (leader !== '') metadata.set('mitosis-leader', leader);
  return { code, details: `refused as ${ours}`, metadata };
};

/** One manager's server. `intercept` may refuse a method; undefined answers it. */
export class FakeManager {
  private readonly server = new Server();
  address = '';
  intercept: (method: string) => Partial<ServiceError> | undefined = () => undefined;

  constructor(
    readonly name: string,
    private readonly state: FakeState,
  ) {}

  async start(): Promise<this> {
    const answer =
      <Q, R>(method: string, make: (request: Q) => R) =>
      (call: { readonly request: Q }, reply: Reply<R>): void => {
        this.state.calls.push({ method, manager: this.name, request: call.request });
        const refused = this.intercept(method);
        if (refused === undefined) reply(null, make(call.request));
        else reply(refused);
      };
    const { state } = this;
    this.server.addService(management.ManagementService, {
      directory: answer('directory', () => ({
        level: 'shop',
        incarnation: 1,
        members: [],
        leaders: state.leaders,
      })),
      setControl: answer('setControl', () => ({})),
      resign: answer('resign', () => ({})),
      status: answer('status', () => ({ json: JSON.stringify({ functions: [] }) })),
      decisions: (call: { write(message: unknown): void; end(): void }) => {
        for (const record of state.decisions) call.write({ json: JSON.stringify(record) });
        call.end();
      },
    });
    this.server.addService(health.HealthService, {
      composite: answer('composite', () => state.composite),
      instanceGraph: answer('instanceGraph', () => ({ json: JSON.stringify(state.graph) })),
      kill: answer('kill', (request: health.KillRequest) => ({ instance: request.target, pid: 42 })),
      logs: (call: { end(): void }) => call.end(),
    });
    this.server.addService(composer.ComposerService, {
      apply: answer('apply', () => ({ generation: 2, changed: true })),
      getSpec: answer('getSpec', () => ({
        generation: state.typeGraph === undefined ? 0 : 1,
        typeGraphJson: state.typeGraph === undefined ? '' : JSON.stringify(state.typeGraph),
        phase: 'operating',
      })),
      override: answer('override', () => ({})),
      dispose: answer('dispose', () =>
        state.disposals.length > 1 ? state.disposals.shift()! : state.disposals[0]!,
      ),
      offer: answer('offer', () => ({ level: 'shop', interfaces: [] })),
    });
    this.address = `127.0.0.1:${await bind(this.server, '127.0.0.1:0')}`;
    return this;
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

const bind = (server: Server, address: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });

export class FakeAgent {
  private readonly server = new Server();
  readonly home = mkdtempSync('/tmp/m-');
  levels: agent.LevelInfo[] = [];
  readonly purged: string[] = [];
  shutdowns = 0;

  async start(): Promise<this> {
    const unimplemented = (_call: unknown, reply: Reply<never>): void =>
      reply({ code: status.UNIMPLEMENTED, details: 'not faked' });
    const answers = Object.fromEntries(Object.keys(agent.AgentService).map((name) => [name, unimplemented]));
    this.server.addService(agent.AgentService, {
      ...answers,
      hello: (_call: unknown, reply: Reply<unknown>) => reply(null, { host: '127.0.0.1' }),
      levels: (_call: unknown, reply: Reply<unknown>) => reply(null, { levels: this.levels }),
      purge: (call: { readonly request: agent.LevelRef }, reply: Reply<unknown>) => {
        this.purged.push(call.request.level);
        this.levels = this.levels.filter((info) => info.level !== call.request.level);
        reply(null, { stopped: [] });
      },
      shutdown: (_call: unknown, reply: Reply<unknown>) => {
        this.shutdowns += 1;
        reply(null, {});
      },
    });
    await bind(this.server, `unix:${join(this.home, 'agent.sock')}`);
    return this;
  }

  stop(): void {
    this.server.forceShutdown();
    rmSync(this.home, { recursive: true, force: true });
  }
}

export const managerStatus = (address: string): agent.InstanceStatus => {
  const [host = '', port = ''] = address.split(':');
  return agent.InstanceStatus.fromPartial({
    level: 'shop',
    id: `mitosis-manager-${port}`,
    component: 'mitosis-manager',
    class: 'management',
    state: 'running',
    host,
    ports: { grpc: Number(port) },
  });
};

export const levelInfo = (level: string, parent: string, managers: readonly FakeManager[]): agent.LevelInfo =>
  agent.LevelInfo.fromPartial({
    level,
    parent,
    incarnation: 1,
    management: managers.map(({ address }) => managerStatus(address)),
  });
