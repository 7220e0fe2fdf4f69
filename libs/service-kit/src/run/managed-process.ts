/** The state of one management process as its edges show it: its functions, its level, its decisions. */
import {
  decisionId,
  KEYS,
  MitosisError,
  PREFIXES,
  type ControlMode,
  type ControlRecord,
  type DecisionRecord,
  type FunctionName,
  type LevelId,
  type management,
} from '@mitosis/contracts';
import type { Membership, Store } from '@mitosis/coordination';
import type { Registry } from 'prom-client';
import type { Observable } from 'rxjs';
import type { DecisionQuery, ProcessState, Verdict } from '../edge/process-state.js';
import type { ServiceConfig } from '../config.js';
import { decisionStream } from './decision-stream.js';
import type { FunctionRunner } from './function-runner.js';
import type { LevelDirectory } from './level-directory.js';
import type { ViewCache } from './view-cache.js';

/** Twice what an aborted pass may take before leadership is given up: only a restart helps then. */
const HANGING_MS = 30_000;
const CONTROL_POLICY = 'control';

export interface ManagedProcessOptions {
  readonly config: ServiceConfig;
  readonly registry: Registry;
  readonly store: Store;
  readonly views: ViewCache;
  readonly directory: LevelDirectory;
  readonly runners: ReadonlyMap<FunctionName, FunctionRunner>;
  readonly nowMs: () => number;
}

export class ManagedProcess implements ProcessState {
  readonly level: LevelId;
  readonly registry: Registry;
  private readonly startedAtMs: number;
  private membership: Membership | undefined;
  private phase: 'starting' | 'running' | 'stopping' = 'starting';

  constructor(private readonly options: ManagedProcessOptions) {
    this.level = options.config.level;
    this.registry = options.registry;
    this.startedAtMs = options.nowMs();
  }

  joined(membership: Membership): void {
    this.membership = membership;
  }

  started(): void {
    if (this.phase === 'starting') this.phase = 'running';
  }

  stopping(): void {
    this.phase = 'stopping';
  }

  serves(): boolean {
    return this.phase !== 'starting';
  }

  mode(fn: FunctionName): ControlMode {
    const entry = this.options.views.view(PREFIXES.control).entries.get(KEYS.control(fn));
    return entry === undefined ? 'run' : (JSON.parse(entry.value) as ControlRecord).mode;
  }

  alive(): Verdict {
    for (const [fn, runner] of this.options.runners) {
      if (runner.runningMs() > HANGING_MS) return { ok: false, reason: `a pass of ${fn} hangs` };
    }
    return { ok: true, reason: 'alive' };
  }

  ready(): Verdict {
    if (this.phase !== 'running') return { ok: false, reason: this.phase };
    const unsynced = this.options.views.all().find((view) => !view.synced);
    if (unsynced !== undefined) return { ok: false, reason: `${unsynced.prefix} is not known yet` };
    if (this.membership?.leaseId() === undefined) return { ok: false, reason: 'no lease in the level' };
    return { ok: true, reason: 'ready' };
  }

  status(): Readonly<Record<string, unknown>> {
    const { config, views, runners, nowMs } = this.options;
    return {
      level: config.level,
      replica: config.replica,
      site: config.site,
      incarnation: config.incarnation,
      pid: process.pid,
      phase: this.phase,
      upMs: nowMs() - this.startedAtMs,
      ready: this.ready(),
      views: views.all().map((view) => ({
        prefix: view.prefix,
        synced: view.synced,
        revision: view.revision,
        staleMs: Math.round(Math.min(view.staleMs(), Number.MAX_SAFE_INTEGER)),
      })),
      functions: [...runners.values()].map((runner) => runner.status()),
    };
  }

  directory(): management.DirectoryReply {
    const { config, directory } = this.options;
    return {
      level: config.level,
      incarnation: config.incarnation,
      members: directory.members().map(({ replica, grpc, http, functions, site, pid }) => ({
        replica,
        grpc,
        http,
        functions: [...functions],
        site,
        pid,
      })),
      leaders: directory.leaders().map(([fn, { replica, address, epoch }]) => ({
        function: fn,
        replica,
        grpc: address,
        epoch,
      })),
    };
  }

  decisions(query: DecisionQuery): Observable<DecisionRecord> {
    return decisionStream(this.options.store, query);
  }

  async setControl(fn: FunctionName, mode: ControlMode): Promise<void> {
    const { nowMs, config } = this.options;
    const was = this.mode(fn);
    await this.runner(fn).command(async (session) => {
      const atMs = nowMs();
      const record: ControlRecord = { v: 1, mode, atMs };
      await session.commit({
        writes: [{ kind: 'put', key: KEYS.control(fn), value: JSON.stringify(record) }],
        decisions: [
          {
            v: 1,
            id: decisionId(`${fn}-${atMs.toString(36)}-control`),
            function: fn,
            atMs,
            epoch: session.epoch,
            component: '',
            action: 'control',
            change: `${was} → ${mode}`,
            reason: `someone set ${fn} to ${mode} through ${config.replica}`,
            policy: CONTROL_POLICY,
            inputs: { was, mode },
            causes: [],
            applied: true,
          },
        ],
      });
    });
  }

  async resign(fn: FunctionName): Promise<void> {
    const runner = this.runner(fn);
    runner.requireSession();
    await runner.resign();
  }

  private runner(fn: FunctionName): FunctionRunner {
    const runner = this.options.runners.get(fn);
    if (runner === undefined) throw new MitosisError('not_found', `this process does not run ${fn}`);
    return runner;
  }
}
