/**
 * Drives one function in one process: passes and commands, one at a time, only with a live session. Timer and nudge
 * share one path. Must never run two passes at once, not even when one hangs: then leadership is given up instead.
 */
import { FencedError, MitosisError, type ControlMode } from '@mitosis/contracts';
import { pause, systemClock, type Candidate, type Clock, type LeaderSession } from '@mitosis/coordination';
import type { FunctionShell, PassResult } from '../function.js';
import { NotLeaderError } from '../grpc-errors.js';
import type { Logger } from '../logger.js';
import type { RunnerMetrics } from './runner-metrics.js';
import { PassLog, type PassEntry } from './pass-log.js';

export interface RunnerOptions {
  readonly shell: FunctionShell;
  readonly mode: () => ControlMode;
  readonly log: Logger;
  readonly metrics: RunnerMetrics;
  readonly nowMs: () => number;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** A pass or command that takes longer is aborted; its successor waits until it has really ended. */
  readonly jobTimeoutMs?: number;
}

export interface RunnerStatus {
  readonly function: string;
  readonly leading: boolean;
  readonly epoch: string;
  readonly leader: string;
  readonly mode: ControlMode;
  readonly passes: readonly PassEntry[];
  /** How long the pass or command of now has been running; 0: none runs. */
  readonly runningMs: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Several calls to agents and two commits, each with its own deadline, fit in. */
const JOB_TIMEOUT_MS = 10_000;
/** After the abort, before leadership is given up. */
const ABORT_GRACE_MS = 5_000;
/** Bursts of watch events become one pass. */
const SETTLE_MS = 5;
const COMMANDS_MAX = 32;

type Job = () => Promise<void>;

interface Watch {
  /** Aborted with the session and at the bound. */
  readonly signal: AbortSignal;
  end(): void;
}

export class FunctionRunner {
  private readonly passLog = new PassLog();
  private readonly commands: Job[] = [];
  private candidate: Candidate | undefined;
  private unsubscribe: () => void = () => {};
  private nextPassAtMs = 0;
  private lastWasPass = false;
  private runningSinceMs: number | undefined;
  private cancelTimer: () => void = () => {};
  private stopped = false;
  private idle: Promise<void> = Promise.resolve();

  private readonly clock: Clock;

  constructor(private readonly options: RunnerOptions) {
    this.clock = options.clock ?? systemClock;
  }

  get shell(): FunctionShell {
    return this.options.shell;
  }

  /** From here on the function is stood for and driven. */
  attach(candidate: Candidate): void {
    this.candidate = candidate;
    const offSession = candidate.onSession((session) => this.onSession(session));
    const offLeader = candidate.onLeaderChange((leader) =>
      this.options.log.info({ leader: leader?.replica ?? '' }, 'leader changed'),
    );
    this.unsubscribe = () => {
      offSession();
      offLeader();
    };
    const session = candidate.session();
    if (session !== undefined) this.onSession(session);
  }

  readonly nudge = (): void => {
    if (this.nextPassAtMs === 0) return;
    this.nextPassAtMs = 0;
    this.arm(SETTLE_MS);
  };

  /** The live session, or NotLeaderError naming who leads. */
  requireSession(): LeaderSession {
    const session = this.candidate?.session();
    if (session?.isLive() === true) return session;
    const leader = this.candidate?.leader();
    const fn = this.options.shell.fn;
    throw new NotLeaderError(
      leader?.address ?? '',
      leader === undefined
        ? `nobody leads ${fn} now`
        : `${fn} is led by ${leader.replica} at ${leader.address}`,
    );
  }

  command<T>(run: (session: LeaderSession) => Promise<T>): Promise<T> {
    this.requireSession();
    if (this.stopped) return Promise.reject(new MitosisError('unavailable', 'this process is ending'));
    if (this.commands.length >= COMMANDS_MAX) {
      return Promise.reject(new MitosisError('exhausted', `${COMMANDS_MAX} commands wait already`));
    }
    return new Promise<T>((resolve, reject) => {
      this.commands.push(async () => {
        let watch: Watch | undefined;
        try {
          const session = this.requireSession();
          watch = this.watchOver(session, 'the command');
          // The caller is answered at the bound; the next job waits until this one has really ended.
          watch.signal.addEventListener('abort', () => reject(asError(watch?.signal.reason)), { once: true });
          resolve(await run(session));
        } catch (error) {
          reject(asError(error));
        } finally {
          watch?.end();
        }
        this.nextPassAtMs = 0;
      });
      this.pump();
    });
  }

  /** Resolves also when this replica does not lead. */
  async resign(standAsideMs?: number): Promise<void> {
    await this.candidate?.resign(standAsideMs);
  }

  /** Ends passes; resolves when the one that ran has ended or the bound has passed. */
  async stop(boundMs: number): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    this.unsubscribe();
    const ended = new AbortController();
    await Promise.race([this.idle, pause(this.clock, boundMs, ended.signal)]);
    ended.abort();
  }

  status(): RunnerStatus {
    const session = this.candidate?.session();
    const leading = session?.isLive() === true;
    const epoch = leading ? session.epoch : this.candidate?.leader()?.epoch;
    return {
      function: this.options.shell.fn,
      leading,
      epoch: epoch === undefined ? '' : `${epoch.incarnation}.${epoch.revision}`,
      leader: this.candidate?.leader()?.replica ?? '',
      mode: this.options.mode(),
      passes: this.passLog.entries,
      runningMs: this.runningMs(),
      // Before the start there is nothing a shell could say of itself.
      detail: this.candidate === undefined ? {} : this.options.shell.describe(),
    };
  }

  runningMs(): number {
    return this.runningSinceMs === undefined ? 0 : this.clock.monotonicMs() - this.runningSinceMs;
  }

  private onSession(session: LeaderSession): void {
    this.options.log.info({ epoch: session.epoch }, 'leading');
    this.options.metrics.leading(this.options.shell.fn, true);
    session.signal.addEventListener(
      'abort',
      () => this.options.metrics.leading(this.options.shell.fn, false),
      {
        once: true,
      },
    );
    this.nextPassAtMs = 0;
    this.arm(0);
  }

  private arm(delayMs: number): void {
    this.cancelTimer();
    if (this.stopped) return;
    this.cancelTimer = this.clock.setTimer(delayMs, () => this.pump());
  }

  private pump(): void {
    if (this.runningSinceMs !== undefined || this.stopped) return;
    const session = this.candidate?.session();
    const dueInMs = session?.isLive() === true ? this.nextPassAtMs - this.clock.monotonicMs() : Infinity;
    const job = this.choose(session, dueInMs <= 0);
    if (job === undefined) {
      // Without a session nothing is due until the next one arrives.
      if (dueInMs < Infinity) this.arm(dueInMs);
      return;
    }
    this.runningSinceMs = this.clock.monotonicMs();
    this.idle = job().finally(() => {
      this.runningSinceMs = undefined;
      this.arm(0);
    });
  }

  /** Passes and commands take turns when both wait, so that neither starves the other. */
  private choose(session: LeaderSession | undefined, passDue: boolean): Job | undefined {
    if (session !== undefined && passDue && (!this.lastWasPass || this.commands.length === 0)) {
      this.lastWasPass = true;
      return () => this.runPass(session);
    }
    const command = this.commands.shift();
    if (command !== undefined) this.lastWasPass = false;
    return command;
  }

  private async runPass(session: LeaderSession): Promise<void> {
    const { shell, nowMs, mode } = this.options;
    this.nextPassAtMs = Infinity;
    const startedMs = this.clock.monotonicMs();
    const watch = this.watchOver(session, 'the pass');
    let result: PassResult;
    try {
      result = await shell.pass({ session, signal: watch.signal, mode: mode(), nowMs: nowMs() });
    } catch (error) {
      result = { kind: 'failed', reason: reasonOf(error), error };
    } finally {
      watch.end();
    }
    this.record(result, this.clock.monotonicMs() - startedMs);
    this.schedule(result);
  }

  /** `nextPassAtMs` is 0 when a nudge came while the pass ran: what it saw may be old, so the next one follows at once. */
  private schedule(result: PassResult): void {
    if (this.nextPassAtMs === 0) return;
    const waitMs =
      result.kind === 'waiting' && result.untilMs !== undefined
        ? Math.max(SETTLE_MS, result.untilMs - this.options.nowMs())
        : Infinity;
    this.nextPassAtMs = this.clock.monotonicMs() + Math.min(waitMs, this.options.shell.periodMs);
  }

  private watchOver(session: LeaderSession, what: string): Watch {
    const timeoutMs = this.options.jobTimeoutMs ?? JOB_TIMEOUT_MS;
    const controller = new AbortController();
    const abort = (): void => controller.abort(session.signal.reason);
    session.signal.addEventListener('abort', abort, { once: true });
    let cancelLate = this.clock.setTimer(timeoutMs, () => {
      controller.abort(new MitosisError('deadline', `${what} took longer than ${timeoutMs} ms`));
      cancelLate = this.clock.setTimer(ABORT_GRACE_MS, () => {
        this.options.log.error({ runningMs: this.runningMs() }, `${what} hangs: giving leadership up`);
        void this.candidate?.resign().catch(() => undefined);
      });
    });
    return {
      signal: controller.signal,
      end: () => {
        cancelLate();
        session.signal.removeEventListener('abort', abort);
      },
    };
  }

  private record(result: PassResult, durationMs: number): void {
    const { shell, log, metrics, nowMs } = this.options;
    const change = this.passLog.add(result, nowMs(), durationMs);
    metrics.passed(shell.fn, result.kind, durationMs);
    const fields = { kind: result.kind, reason: result.reason, durationMs: Math.round(durationMs) };
    if (result.kind === 'failed' && change !== 'same')
      log.warn({ ...fields, err: result.error }, 'pass failed');
    else if (result.kind === 'acted' || change === 'kind') log.info(fields, 'pass');
    else if (change === 'reason') log.debug(fields, 'pass');
  }
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new FencedError('the session ended meanwhile', { cause: error });

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
