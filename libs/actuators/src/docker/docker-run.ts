/**
 * One run of a container instance: brought up in the background, adopted after a restart, watched by the engine's events.
 * Its death is certain by the engine's word, or, while the engine is gone, by its main process having left this machine.
 * Must never conclude anything from the engine's silence.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import type { ExecAnswer, ReachPort, Run, RunExit, RunRef } from '../actuator.js';
import { isAlive, readStat, signalProcess, type ProcessIdentity } from '../process/process-table.js';
import { runDirectory } from '../process/shim.js';
import { EngineError, type EngineClient } from './engine-client.js';
import type { ContainerInspect } from './engine-types.js';
import { pause } from './engine-watch.js';
import { execInContainer } from './exec.js';
import { LogFollower } from './log-follower.js';
import { containerName } from './marks.js';

const KILL_BOUND_MS = 15_000;
/** What it said last is waited for before its end is told. Over ssh each call may begin with a handshake. */
const LAST_OUTPUT_MS = 2_000;
const LAST_OUTPUT_AFAR_MS = 15_000;
const LOOK_EVERY_MS = 500;

export interface DockerRunDeps {
  readonly client: EngineClient;
  readonly nowMs: () => number;
  /** The engine's processes are this machine's. */
  readonly local: boolean;
  /** The engine answers now. */
  readonly isUsable: () => boolean;
}

/** What is kept in the instance's directory: enough to know after everything restarted. */
interface Kept {
  readonly container: string;
  readonly exit?: RunExit;
}

type Verdict = 'healthy' | 'unhealthy';

export class DockerRun implements Run {
  readonly name: string;
  readonly started: Promise<void>;
  readonly exited: Promise<RunExit>;
  /** Ends what is under way to bring it up. */
  readonly ending = new AbortController();
  /** Resolves when nothing is under way any more that could start it. */
  broughtUp: Promise<void> = Promise.resolve();
  startedAtMs: number;
  private main: ProcessIdentity | undefined;
  private mainPid = 0;
  private address = '';
  private container: string | undefined;
  /** Recorded, but the engine could not be asked yet whether it ever ran. */
  private doubtful = false;
  private logs: LogFollower | undefined;
  private ended = false;
  private endingNow = false;
  private killAtMs: number | undefined;
  private looking: Promise<void> | undefined;
  private lookAgain = false;
  private health: { readonly verdict: Verdict; readonly detail: string } | undefined;
  private healthListener: ((health: Verdict, detail: string) => void) | undefined;
  private resolveStarted: () => void = () => undefined;
  private resolveExited: (exit: RunExit) => void = () => undefined;

  constructor(
    readonly ref: RunRef,
    private readonly deps: DockerRunDeps,
  ) {
    this.name = containerName(ref);
    this.startedAtMs = deps.nowMs();
    this.started = new Promise((resolve) => (this.resolveStarted = resolve));
    this.exited = new Promise((resolve) => (this.resolveExited = resolve));
    this.container = this.kept()?.container;
  }

  get pid(): number {
    return this.mainPid;
  }
  get isOver(): boolean {
    return this.ended;
  }
  get id(): string | undefined {
    return this.container;
  }

  /** The container exists from now on; on disk when it returns. */
  created(container: string): void {
    this.container = container;
    this.keep({ container });
  }

  /** Nobody starts it any more, and whether it was started is for the engine to say: it is asked when it answers. */
  doubt(): void {
    this.doubtful = !this.ended && this.mainPid === 0;
  }

  /** It never came up, or nothing of it is left. */
  fail(detail: string): void {
    if (this.ending.signal.aborted && !this.ended) void this.end(this.noExit('stopped before it was up'));
    else void this.end(this.noExit(detail));
  }

  private noExit(detail: string): RunExit {
    return { code: undefined, atMs: this.deps.nowMs(), detail };
  }

  /** Asks the engine what became of it; one question at a time. Never throws. */
  look(): Promise<void> {
    if (this.looking !== undefined) {
      this.lookAgain = true;
      return this.looking;
    }
    this.looking = this.lookUntilSeen().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async lookUntilSeen(): Promise<void> {
    do {
      this.lookAgain = false;
      await this.lookOnce();
    } while (this.lookAgain);
  }

  private async lookOnce(): Promise<void> {
    if (this.ended || (this.container === undefined && !this.doubtful)) return;
    try {
      this.see(
        await this.deps.client.call<ContainerInspect>(
          'GET',
          `/containers/${this.container ?? this.name}/json`,
        ),
      );
    } catch (error) {
      if (error instanceof EngineError && error.status === 404)
        void this.end(
          this.noExit(this.container === undefined ? 'it was never started' : 'its container was removed'),
        );
    }
  }

  see({ Id, State, NetworkSettings, Config }: ContainerInspect): void {
    if (this.ended || this.endingNow) return;
    if (this.doubtful && State.Status === 'created') {
      void this.end(this.noExit('it was never started'));
      return;
    }
    this.doubtful = false;
    if (this.container === undefined) this.created(Id);
    if (State.Status === 'exited' || State.Status === 'dead') {
      this.followLog(Config.Tty);
      const detail = State.OOMKilled ? 'it ran out of memory' : State.Error;
      void this.end({
        code: State.ExitCode,
        atMs: Date.parse(State.FinishedAt) || this.deps.nowMs(),
        detail,
      });
      return;
    }
    if (State.Status === 'created' || !State.Running) return;
    const networks = Object.values(NetworkSettings.Networks ?? {});
    this.address = networks.map((one) => one?.IPAddress ?? '').find((address) => address !== '') ?? '';
    this.judge(State.Health);
    if (this.mainPid === State.Pid) return;
    this.mainPid = State.Pid;
    this.startedAtMs = Date.parse(State.StartedAt) || this.deps.nowMs();
    this.main = this.deps.local ? ownProcess(State.Pid, this.container ?? '') : undefined;
    this.followLog(Config.Tty);
    this.resolveStarted();
  }

  private followLog(tty: boolean): void {
    this.logs ??= new LogFollower({
      client: this.deps.client,
      container: this.container ?? this.name,
      dir: this.ref.dir,
      run: this.ref.run,
      tty,
    });
  }

  private judge(health: ContainerInspect['State']['Health']): void {
    const verdict = health?.Status;
    if (verdict !== 'healthy' && verdict !== 'unhealthy') return;
    const detail = health?.Log?.at(-1)?.Output.trim() ?? '';
    if (this.health?.verdict === verdict) return;
    this.health = { verdict, detail };
    this.healthListener?.(verdict, detail);
  }

  onHealth(listener: (health: Verdict, detail: string) => void): void {
    this.healthListener = listener;
    if (this.health !== undefined) listener(this.health.verdict, this.health.detail);
  }

  /** While the engine is gone: a main process that has left this machine is certainly dead. */
  checkProcess(): void {
    if (this.ended || this.main === undefined || this.deps.isUsable() || isAlive(this.main)) return;
    void this.end(this.noExit('ended while its Docker engine was gone'));
  }

  private async end(exit: RunExit): Promise<void> {
    if (this.ended || this.endingNow) return;
    this.endingNow = true;
    if (this.container !== undefined) this.keep({ container: this.container, exit });
    const boundMs = this.deps.local ? LAST_OUTPUT_MS : LAST_OUTPUT_AFAR_MS;
    await this.logs?.finish(this.deps.isUsable() ? boundMs : 0);
    this.ended = true;
    this.resolveStarted();
    this.resolveExited(exit);
  }

  async stop(signal: NodeJS.Signals, graceMs: number): Promise<RunExit> {
    const first = this.killAtMs === undefined;
    this.killAtMs = Math.min(this.killAtMs ?? Infinity, this.deps.nowMs() + Math.max(0, graceMs));
    this.ending.abort();
    await this.broughtUp;
    if (this.container === undefined && !this.ended) this.fail('stopped before it was up');
    if (first && graceMs > 0) await this.send(signal);
    let killed = false;
    while (!this.ended) {
      const now = this.deps.nowMs();
      if (now >= this.killAtMs) {
        if (!killed || !this.deps.isUsable()) await this.send('SIGKILL');
        killed = true;
      }
      if (now > this.killAtMs + KILL_BOUND_MS) throw this.undying();
      await this.untilEndOr(Math.min(LOOK_EVERY_MS, Math.max(1, this.killAtMs - now)));
      // Events tell; this is for those that were lost.
      if (!this.ended) await this.look();
      this.checkProcess();
    }
    await this.remove();
    return this.exited;
  }

  private undying(): MitosisError {
    const { isUsable } = this.deps;
    return isUsable()
      ? new MitosisError('deadline', `${this.ref.id} does not end, not even of SIGKILL`)
      : new MitosisError(
          'unavailable',
          `${this.ref.id} cannot be stopped: its Docker engine does not answer`,
        );
  }

  private async untilEndOr(ms: number): Promise<void> {
    const bound = new AbortController();
    await Promise.race([this.exited, pause(ms, bound.signal)]);
    bound.abort();
  }

  /** The container with its anonymous volumes; the next sweep does it where the engine is away. */
  private async remove(): Promise<void> {
    try {
      await this.deps.client.call('DELETE', `/containers/${this.container ?? this.name}`, {
        query: { force: '1', v: '1' },
        timeoutMs: KILL_BOUND_MS,
      });
    } catch {
      // It is dead: what is left of it is swept.
    }
  }

  /** False when there is nothing to signal. By the engine, or while that is gone by the kernel. */
  private async send(signal: string): Promise<boolean> {
    try {
      await this.deps.client.call('POST', `/containers/${this.container ?? this.name}/kill`, {
        query: { signal },
      });
      return true;
    } catch (error) {
      if (error instanceof EngineError) return false;
      return this.main !== undefined && signalProcess(this.main, signal as NodeJS.Signals);
    }
  }

  /** A container ends with its main process, so there is no other group to signal. */
  async signal(signal: NodeJS.Signals): Promise<boolean> {
    return !this.ended && this.container !== undefined && this.send(signal);
  }

  reach({ inside, host, outside }: ReachPort): { readonly host: string; readonly port: number } {
    // The engine's own forwarding accepts before the container listens: a probe has to ask the container itself.
    return this.deps.local && this.address !== '' && inside > 0
      ? { host: this.address, port: inside }
      : { host, port: outside };
  }

  async exec(command: readonly string[], timeoutMs: number): Promise<ExecAnswer> {
    if (this.container === undefined || !this.deps.isUsable())
      return { verdict: 'unknown', detail: 'the Docker engine does not answer' };
    return execInContainer(this.deps.client, this.container, command, timeoutMs);
  }

  /** This process's hold of it; the container goes on. */
  release(): void {
    this.ending.abort();
    this.logs?.close();
  }

  private path(): string {
    return join(runDirectory(this.ref.dir), `${this.ref.run}.container`);
  }

  kept(): Kept | undefined {
    try {
      return JSON.parse(readFileSync(this.path(), 'utf8')) as Kept;
    } catch {
      return undefined;
    }
  }

  private keep(kept: Kept): void {
    try {
      mkdirSync(runDirectory(this.ref.dir), { recursive: true, mode: 0o700 });
      writeFileSync(this.path(), JSON.stringify(kept));
    } catch {
      // The directory is being removed: nobody will ask.
    }
  }
}

/** Only when it can be seen to be the container's: in a process namespace of its own the number means something else. */
const ownProcess = (pid: number, container: string): ProcessIdentity | undefined => {
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(container)) return undefined;
  } catch {
    return undefined;
  }
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
};
