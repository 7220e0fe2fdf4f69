/**
 * One level: finds its managers, its leaders, and calls the one that owns the fact. A leader may change between two
 * calls, so each is tried again (bounded) with a fresh directory. Must never write to etcd.
 */
import {
  isFunctionName,
  MitosisError,
  type composer,
  type DecisionRecord,
  type FunctionName,
  type health,
  type InstanceGraphView,
  type management,
  type placer,
  type TypeGraph,
} from '@mitosis/contracts';
import type { HostSession } from './host.js';
import { RemoteError } from './rpc.js';
import { boundOf, isOver, pause, type Bound } from './wait.js';

const DIRECTORY_MS = 1_000;
const CALL_MS = 2_000;
/** A leader is followed by another within about a lease (3 s); three of them is an outage. */
const LEADER_WAIT_MS = 10_000;
const RETRY_EVERY_MS = 100;

export interface SpecView {
  readonly generation: number;
  readonly phase: string;
  readonly typeGraph: TypeGraph | undefined;
}

export class LevelSession {
  private known: management.DirectoryReply | undefined;

  constructor(
    readonly host: HostSession,
    readonly name: string,
    private managers: readonly string[],
  ) {}

  /** Asks one manager after the other; throws MitosisError `unavailable` when none answers. */
  async directory(): Promise<management.DirectoryReply> {
    const seen = new Set(this.managers);
    for (const member of this.known?.members ?? []) seen.add(member.grpc);
    let last: unknown;
    for (const address of seen) {
      try {
        const known = await this.host.rpc.unary('management', address, 'directory', {}, DIRECTORY_MS);
        this.host.rpc.belongsTo(
          this.name,
          [...known.members, ...known.leaders].map(({ grpc }) => grpc),
        );
        this.known = known;
        return known;
      } catch (error) {
        last = error;
      }
    }
    const fresh = await this.host.managers(this.name);
    if (fresh.length > 0) this.managers = fresh;
    throw new MitosisError(
      'unavailable',
      `${this.name}: none of its ${seen.size} managers answers (see \`mitosis status\`)`,
      { cause: last },
    );
  }

  /** Address of any replica that answers. */
  async anyManager(): Promise<string> {
    const directory = await this.directory();
    const leader = directory.leaders[0]?.grpc ?? directory.members[0]?.grpc ?? this.managers[0];
    if (leader === undefined) throw new MitosisError('unavailable', `${this.name}: no manager is known`);
    return leader;
  }

  /**
   * Runs `call` against the leader of `fn`, again with the next leader while the failure may be a change of leadership.
   * Throws the last error when the bound is over.
   */
  async withLeader<T>(
    fn: FunctionName,
    call: (address: string) => Promise<T>,
    bound: Bound = boundOf(LEADER_WAIT_MS),
  ): Promise<T> {
    let hint = '';
    for (;;) {
      try {
        const address = hint === '' ? await this.leaderAddress(fn) : hint;
        hint = '';
        return await call(address);
      } catch (error) {
        if (!(error instanceof MitosisError) || !error.retryable || isOver(bound)) throw error;
        if (error instanceof RemoteError && error.code === 'not_leader') hint = error.leader;
      }
      await pause(RETRY_EVERY_MS, bound);
    }
  }

  private async leaderAddress(fn: FunctionName): Promise<string> {
    const { leaders } = await this.directory();
    const leader = leaders.find((one) => one.function === fn);
    if (leader === undefined)
      throw new MitosisError('unavailable', `${this.name}: ${fn} has no leader at the moment`);
    return leader.grpc;
  }

  async spec(bound?: Bound): Promise<SpecView> {
    const reply = await this.withLeader(
      'composer',
      (address) => this.host.rpc.unary('composer', address, 'getSpec', {}, CALL_MS),
      bound,
    );
    return {
      generation: reply.generation,
      phase: reply.phase,
      typeGraph: reply.typeGraphJson === '' ? undefined : (JSON.parse(reply.typeGraphJson) as TypeGraph),
    };
  }

  apply(typeGraph: TypeGraph, expectedGeneration: number, bound?: Bound): Promise<composer.ApplyReply> {
    const request = { typeGraphJson: JSON.stringify(typeGraph), expectedGeneration };
    return this.withLeader(
      'composer',
      (address) => this.host.rpc.unary('composer', address, 'apply', request, 5_000),
      bound,
    );
  }

  async override(request: composer.OverrideRequest): Promise<void> {
    await this.withLeader('composer', (address) =>
      this.host.rpc.unary('composer', address, 'override', request, CALL_MS),
    );
  }

  dispose(bound: Bound): Promise<composer.DisposeReply> {
    return this.withLeader(
      'composer',
      (address) => this.host.rpc.unary('composer', address, 'dispose', {}, CALL_MS),
      bound,
    );
  }

  composite(bound?: Bound): Promise<health.CompositeHealth> {
    return this.withLeader(
      'health',
      (address) => this.host.rpc.unary('health', address, 'composite', {}, CALL_MS),
      bound,
    );
  }

  async instanceGraph(bound?: Bound): Promise<InstanceGraphView> {
    const reply = await this.withLeader(
      'health',
      (address) => this.host.rpc.unary('health', address, 'instanceGraph', {}, CALL_MS),
      bound,
    );
    return JSON.parse(reply.json) as InstanceGraphView;
  }

  /**
   * Kills by instance id. Through this host's agent where the instance is here: health itself may be the victim, and a
   * broken answer must not make anyone kill its successor. Elsewhere health passes it on.
   */
  async kill(id: string, signal: string): Promise<health.KillReply> {
    const { rpc, agentAddress } = this.host;
    const { instances } = await rpc.unary('agent', agentAddress, 'list', { level: this.name }, CALL_MS);
    const here = instances.find((one) => one.id === id);
    if (here === undefined)
      return this.withLeader('health', (address) =>
        rpc.unary('health', address, 'kill', { target: id, signal }, CALL_MS),
      );
    await rpc.unary('agent', agentAddress, 'signal', { level: this.name, id, signal, group: false }, CALL_MS);
    return { instance: id, pid: here.pid };
  }

  /** Instance id of the replica that leads a function. Throws MitosisError `unavailable` when nobody does. */
  async leaderReplica(fn: FunctionName): Promise<string> {
    const { leaders } = await this.directory();
    const leader = leaders.find((one) => one.function === fn);
    if (leader !== undefined) return leader.replica;
    throw new MitosisError('unavailable', `${this.name}: ${fn} has no leader at the moment`);
  }

  async control(fn: FunctionName, mode: string): Promise<void> {
    await this.withLeader(fn, (address) =>
      this.host.rpc.unary('management', address, 'setControl', { function: fn, mode }, CALL_MS),
    );
  }

  sites(): Promise<placer.SitesReply> {
    return this.withLeader('placer', (address) =>
      this.host.rpc.unary('placer', address, 'sites', {}, CALL_MS),
    );
  }

  /** The last `limit` decisions, oldest first. */
  async decisions(query: DecisionQuery): Promise<readonly DecisionRecord[]> {
    const found: DecisionRecord[] = [];
    for await (const record of this.decisionStream({ ...query, follow: false }, { deadlineMs: 5_000 }))
      found.push(record);
    return found;
  }

  async *followDecisions(query: DecisionQuery, signal: AbortSignal): AsyncGenerator<DecisionRecord> {
    const told = new Set<string>();
    // The stream breaks with the replica behind it; the next one is asked, and what was told is not told again.
    while (!signal.aborted) {
      try {
        for await (const record of this.decisionStream(
          { ...query, follow: true },
          { signal, deadlineMs: 0 },
        )) {
          if (told.has(record.id)) continue;
          remember(told, record.id);
          yield record;
        }
      } catch (error) {
        if (!(error instanceof MitosisError) || !error.retryable) throw error;
      }
      await pause(500, boundOf(1_000, signal));
    }
  }

  private async *decisionStream(
    query: DecisionQuery & { readonly follow: boolean },
    options: { readonly signal?: AbortSignal; readonly deadlineMs: number },
  ): AsyncGenerator<DecisionRecord> {
    const request = {
      function: query.fn ?? '',
      component: query.component ?? '',
      limit: query.limit,
      follow: query.follow,
    };
    const address = await this.anyManager();
    for await (const { json } of this.host.rpc.stream('management', address, 'decisions', request, options))
      yield JSON.parse(json) as DecisionRecord;
  }
}

/** As many as a replica ever sends again after a break. */
const TOLD_MAX = 1_000;

const remember = (told: Set<string>, id: string): void => {
  told.add(id);
  const [oldest] = told;
  if (told.size > TOLD_MAX && oldest !== undefined) told.delete(oldest);
};

export interface DecisionQuery {
  readonly fn?: FunctionName;
  readonly component?: string;
  readonly limit: number;
}

/** Throws MitosisError `invalid_input` that lists the functions. */
export const functionNamed = (name: string, all: readonly FunctionName[]): FunctionName => {
  if (isFunctionName(name)) return name;
  throw new MitosisError('invalid_input', `there is no function ${name}: one of ${all.join(', ')}`);
};
