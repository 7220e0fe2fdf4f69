/**
 * One run of a process instance, started by this agent or adopted from an earlier one. Sees its end from the shim's exit
 * file, or, when the shim itself was killed, from the main process being gone. Must never kill anything but members of
 * the run.
 */
import { MitosisError } from '@mitosis/contracts';
import type { Run, RunExit, RunRef } from '../actuator.js';
import { membersOf, type ProcessScanner, type ScannedProcess } from './members.js';
import { isAlive, signalProcess, type ProcessIdentity } from './process-table.js';
import { RunFiles } from './shim.js';

/** The shim writes its file within milliseconds of the end of the command; this is for a machine that stands still. */
const SHIM_WRITES_MS = 1_000;
/** It begins the command as soon; a stop waits so long for that before its first signal. */
const SHIM_BEGINS_MS = 1_000;
/** After SIGKILL only a process in an uninterruptible call lives on. */
const KILL_BOUND_MS = 15_000;
const POLL_MIN_MS = 4;
const POLL_MAX_MS = 100;
/** Memory of a process that is killed is freed before its end shows: a large one takes tens of milliseconds. */
const FOLLOW_MS = 400;

export interface ProcessRunOptions {
  readonly ref: RunRef;
  readonly scanner: ProcessScanner;
  readonly shim: ProcessIdentity | undefined;
  readonly main: ProcessIdentity | undefined;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
}

export class ProcessRun implements Run {
  readonly ref: RunRef;
  readonly startedAtMs: number;
  readonly started: Promise<void>;
  readonly exited: Promise<RunExit>;
  private readonly files: RunFiles;
  private readonly scanner: ProcessScanner;
  private readonly nowMs: () => number;
  private readonly shim: ProcessIdentity | undefined;
  private main: ProcessIdentity | undefined;
  private known: readonly ProcessIdentity[] = [];
  private mainGoneAtMs: number | undefined;
  private killAtMs: number | undefined;
  private ending = false;
  private ended = false;
  private resolveStarted: () => void = () => undefined;
  private resolveExited: (exit: RunExit) => void = () => undefined;

  constructor(options: ProcessRunOptions) {
    this.ref = options.ref;
    this.scanner = options.scanner;
    this.nowMs = options.nowMs;
    this.shim = options.shim;
    this.main = options.main;
    this.startedAtMs = options.startedAtMs;
    this.files = new RunFiles(options.ref);
    this.started = new Promise((resolve) => (this.resolveStarted = resolve));
    this.exited = new Promise((resolve) => (this.resolveExited = resolve));
    if (this.main !== undefined) this.resolveStarted();
  }

  get pid(): number {
    return this.main?.pid ?? 0;
  }

  get isOver(): boolean {
    return this.ended;
  }

  get members(): readonly ProcessIdentity[] {
    return this.known;
  }

  /** Looks at files and processes; called when the run directory changes and some times a second. Cheap. */
  check(): void {
    if (this.ending) return;
    if (this.main === undefined) {
      this.main = this.files.main();
      if (this.main !== undefined) this.resolveStarted();
    }
    // The file comes after the end; not to look for it while the command lives keeps an idle agent idle.
    if (this.main !== undefined && isAlive(this.main)) return;
    const exit = this.files.exit();
    if (exit !== undefined) void this.end({ code: exit.code, atMs: exit.atMs, detail: '' });
    else if (this.isGone())
      void this.end({ code: undefined, atMs: this.nowMs(), detail: 'killed together with its shim' });
  }

  /** The shim has ended: the command has too, or is about to, unless the shim alone was killed. */
  async followEnd(): Promise<void> {
    await this.checkUntil(() => this.ending, FOLLOW_MS);
  }

  private async checkUntil(isDone: () => boolean, boundMs: number): Promise<void> {
    const endMs = this.nowMs() + boundMs;
    for (let waitMs = POLL_MIN_MS; !isDone(); waitMs = Math.min(POLL_MAX_MS, waitMs * 2)) {
      this.check();
      if (isDone() || this.nowMs() > endMs) return;
      await pause(waitMs);
    }
  }

  private isGone(): boolean {
    if (this.main === undefined && this.shimAlive()) return false;
    this.mainGoneAtMs ??= this.nowMs();
    return !this.shimAlive() || this.nowMs() - this.mainGoneAtMs > SHIM_WRITES_MS;
  }

  private shimAlive(): boolean {
    return this.shim !== undefined && isAlive(this.shim);
  }

  /** Remembers members, so that those are found that later leave session, parent and mark behind. */
  remember(scan: readonly ScannedProcess[]): readonly ScannedProcess[] {
    const members = membersOf(scan, { name: this.ref, shim: this.shim, known: this.known });
    this.known = members.map(({ pid, startTicks }) => ({ pid, startTicks }));
    return members;
  }

  private scan(): readonly ScannedProcess[] {
    return this.remember(this.scanner.scan());
  }

  /** The main process is gone: what it left behind goes too, at once or, while stopping, when the grace is over. */
  private async end(exit: RunExit): Promise<void> {
    this.ending = true;
    // A shim killed between the end of the command and its last line: the file is the better witness.
    const written = this.files.exit();
    const result = written === undefined ? exit : { code: written.code, atMs: written.atMs, detail: '' };
    const cleared = await this.clear();
    this.ended = true;
    this.resolveStarted();
    this.resolveExited(cleared ? result : { ...result, detail: 'left processes behind that do not end' });
  }

  /** Until no member is left, killing them when no grace is given (any more); false when some do not die. */
  private async clear(): Promise<boolean> {
    const sinceMs = this.nowMs();
    for (let waitMs = POLL_MIN_MS; ; waitMs = Math.min(POLL_MAX_MS, waitMs * 2)) {
      const killAtMs = this.killAtMs ?? sinceMs;
      const left = this.scan();
      if (left.length === 0 || (this.isShimOnly(left) && (await this.shimEnds()))) return true;
      if (this.nowMs() >= killAtMs) for (const one of left) signalProcess(one, 'SIGKILL');
      if (this.nowMs() > killAtMs + KILL_BOUND_MS) return false;
      await pause(waitMs);
    }
  }

  private isShimOnly(left: readonly ProcessIdentity[]): boolean {
    return left.length === 1 && left[0]?.pid === this.shim?.pid;
  }

  /** Alone it starts nothing but what renames its file: when it has ended, nothing is left, and no further scan is needed. */
  private async shimEnds(): Promise<boolean> {
    const endMs = this.nowMs() + POLL_MAX_MS;
    while (this.shimAlive() && this.nowMs() < endMs) await pause(POLL_MIN_MS);
    return !this.shimAlive();
  }

  async stop(signal: NodeJS.Signals, graceMs: number): Promise<RunExit> {
    const first = this.killAtMs === undefined;
    this.killAtMs = Math.min(this.killAtMs ?? Infinity, this.nowMs() + Math.max(0, graceMs));
    if (!this.ended && first && graceMs > 0) {
      // Before, it catches no signal yet: it would die of it with nothing to tell, or miss what was meant for the command, which
      // then is left to live out its grace.
      await this.checkUntil(() => this.main !== undefined || this.ending, Math.min(SHIM_BEGINS_MS, graceMs));
      for (const one of this.scan()) signalProcess(one, signal);
    }
    for (let waitMs = POLL_MIN_MS; !this.ending; waitMs = Math.min(POLL_MAX_MS, waitMs * 2)) {
      this.check();
      if (this.nowMs() >= this.killAtMs) for (const one of this.scan()) signalProcess(one, 'SIGKILL');
      if (this.nowMs() > this.killAtMs + KILL_BOUND_MS) throw this.undying();
      await pause(waitMs);
    }
    const exit = await this.exited;
    if (this.scan().length > 0) throw this.undying();
    return exit;
  }

  private undying(): MitosisError {
    return new MitosisError('deadline', `${this.ref.id} does not end, not even of SIGKILL`);
  }

  async signal(signal: NodeJS.Signals, group: boolean): Promise<boolean> {
    if (this.ended) return false;
    if (!group) return this.main !== undefined && signalProcess(this.main, signal);
    return this.scan().filter((one) => signalProcess(one, signal)).length > 0;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
