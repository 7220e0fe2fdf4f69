/**
 * The process driver: instances are processes of this Linux host, each under a shim that outlives the agent. Finds them
 * again by the mark in their environment, whatever was lost on disk. Must never kill a process that does not carry this
 * home's mark or belong to one that does.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import { MitosisError } from '@mitosis/contracts';
import type { Actuator, Adoption, DriverState, Run, RunPlan, RunRef, Stray, Usage } from '../actuator.js';
import {
  membersOf,
  ProcessScanner,
  sameRun,
  scanProcess,
  type RunName,
  type ScannedProcess,
} from './members.js';
import { ProcessRun } from './process-run.js';
import { isAlive, readStat, signalProcess, type ProcessIdentity } from './process-table.js';
import { UsageMeter } from './process-usage.js';
import { commandLine, openLog, RunFiles, runDirectory, SHIM } from './shim.js';
import { userPrefix } from './user.js';

/** How soon an end is seen that no file tells (shim and command killed together). */
const CHECK_EVERY_MS = 500;

export interface ProcessActuatorOptions {
  /** Real path of the state directory: the mark. */
  readonly home: string;
  readonly nowMs?: () => number;
}

interface Watched {
  readonly run: ProcessRun;
  readonly watcher: FSWatcher | undefined;
  readonly meter: UsageMeter;
}

export class ProcessActuator implements Actuator {
  readonly driver = 'process';
  private readonly home: string;
  private readonly scanner: ProcessScanner;
  private readonly nowMs: () => number;
  private readonly sinceMs: number;
  private readonly watched = new Map<ProcessRun, Watched>();
  private checkTimer: NodeJS.Timeout | undefined;

  constructor({ home, nowMs }: ProcessActuatorOptions) {
    this.home = home;
    this.scanner = new ProcessScanner(home);
    this.nowMs = nowMs ?? Date.now;
    this.sinceMs = this.nowMs();
  }

  async start(plan: RunPlan): Promise<Run> {
    const command = [...userPrefix(plan.user), ...commandLine(plan.command, plan.env)];
    assertRunnable(plan);
    const files = new RunFiles(plan);
    const log = openLog(plan.dir);
    try {
      files.allowStart();
      const child = spawn('/bin/sh', ['-c', SHIM, 'mitosis-shim', files.prefix, ...command], {
        cwd: plan.cwd,
        env: { ...plan.env, ...this.markOf(plan) },
        detached: true,
        stdio: ['ignore', log, log, ...plan.fds],
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      const shim = child.pid === undefined ? undefined : identityOf(child.pid);
      const run = this.watch(plan, shim, undefined, this.nowMs());
      child.once('exit', () => void run.followEnd());
      child.unref();
      return run;
    } catch (error) {
      files.forbidStart();
      if (error instanceof MitosisError) throw error;
      throw new MitosisError('internal', `${plan.id} could not be started: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      closeSync(log);
    }
  }

  private markOf(plan: RunPlan): Record<string, string> {
    return {
      MITOSIS_HOME: this.home,
      MITOSIS_LEVEL: plan.level,
      MITOSIS_INSTANCE: plan.id,
      MITOSIS_RUN: String(plan.run),
      MITOSIS_COMPONENT: plan.component,
      MITOSIS_CLASS: plan.instanceClass,
      MITOSIS_VERSION: plan.version,
    };
  }

  async adopt(refs: readonly (RunRef & { readonly thisBoot: boolean })[]): Promise<readonly Adoption[]> {
    const fresh = refs.map((ref) => ({ ref, files: new RunFiles(ref) }));
    // First the door is shut for those not begun, then one look decides: what passed the door is visible by its mark.
    for (const { files } of fresh) if (files.main() === undefined) files.forbidStart();
    const scan = refs.length === 0 ? [] : this.scanner.scan();
    return fresh.map(({ ref, files }) => this.adoptOne(ref, files, scan));
  }

  private adoptOne(
    ref: RunRef & { readonly thisBoot: boolean },
    files: RunFiles,
    scan: readonly ScannedProcess[],
  ): Adoption {
    const main = files.main();
    const exit = files.exit();
    const marked = membersOf(scan, { name: ref, shim: undefined, known: [] });
    const mainLives = main !== undefined && ref.thisBoot && isAlive(main);
    if (marked.length === 0 && !mainLives) {
      if (exit !== undefined) return { kind: 'exited', exit: { ...exit, detail: '' } };
      if (main === undefined) return { kind: 'never-started' };
      return {
        kind: 'exited',
        exit: { code: undefined, atMs: this.nowMs(), detail: 'ended while no agent was there' },
      };
    }
    // The command may lead a session of its own; the shim was there before it.
    const [shim] = marked
      .filter((one) => one.session === one.pid && one.pid !== main?.pid)
      .sort((a, b) => a.startTicks - b.startTicks);
    return {
      kind: 'running',
      run: this.watch(ref, shim, main, files.startedAtMs() ?? this.nowMs()),
    };
  }

  private watch(
    ref: RunRef,
    shim: ProcessIdentity | undefined,
    main: ProcessIdentity | undefined,
    startedAtMs: number,
  ): ProcessRun {
    const run = new ProcessRun({ ref, scanner: this.scanner, shim, main, startedAtMs, nowMs: this.nowMs });
    this.watched.set(run, { run, watcher: watchFiles(ref, run), meter: new UsageMeter() });
    this.checkTimer ??= setInterval(() => this.checkAll(), CHECK_EVERY_MS).unref();
    void this.forgetAtEnd(run);
    // A later pass, so that the caller has the run before its end is told.
    setImmediate(() => run.check());
    return run;
  }

  private async forgetAtEnd(run: ProcessRun): Promise<void> {
    await run.exited;
    this.watched.get(run)?.watcher?.close();
    this.watched.delete(run);
    if (this.watched.size === 0) this.stopChecking();
  }

  private stopChecking(): void {
    clearInterval(this.checkTimer);
    this.checkTimer = undefined;
  }

  private checkAll(): void {
    for (const { run } of this.watched.values()) run.check();
  }

  private rememberAll(scan: readonly ScannedProcess[]): void {
    for (const { run } of this.watched.values()) run.remember(scan);
  }

  async sweep(isCurrent: (run: RunName) => boolean): Promise<readonly Stray[]> {
    const scan = this.scanner.scan();
    this.rememberAll(scan);
    const strays = scan.flatMap(({ mark, pid, startTicks }) =>
      mark?.kind === 'run' && !isCurrent(mark)
        ? [{ level: mark.level, id: mark.id, run: mark.run, pid, startTicks }]
        : [],
    );
    const killed: Stray[] = [];
    for (const stray of strays) {
      // Asked again just before: it may have become something else since (fork, then exec with a clean environment).
      if (!isStillThat(this.home, stray) || isCurrent(stray) || !signalProcess(stray, 'SIGKILL')) continue;
      const { level, id, run, pid } = stray;
      killed.push({ level, id, run, pid });
    }
    return killed;
  }

  forget(ref: RunRef): void {
    new RunFiles(ref).remove();
  }

  /** Processes share nothing that outlives them. */
  async forgetLevel(): Promise<void> {
    return undefined;
  }

  state(): DriverState {
    return { usable: true, detail: 'processes of this host', sinceMs: this.sinceMs };
  }

  usage(run: Run): Usage | undefined {
    const watched = this.watched.get(run as ProcessRun);
    if (watched === undefined) return undefined;
    const { members } = watched.run;
    const main = run.pid === 0 ? undefined : identityOf(run.pid);
    const known = main === undefined || members.some(({ pid }) => pid === main.pid);
    return watched.meter.read(known ? members : [...members, main], this.nowMs());
  }

  close(): void {
    this.stopChecking();
    for (const { watcher } of this.watched.values()) watcher?.close();
    this.watched.clear();
  }
}

const isStillThat = (home: string, stray: Stray & ProcessIdentity): boolean => {
  const now = scanProcess(stray.pid, home);
  return now?.startTicks === stray.startTicks && sameRun(now.mark, stray);
};

const identityOf = (pid: number): ProcessIdentity | undefined => {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
};

/** Undefined where the kernel has no watch left to give: then the checks in turn see the end. */
const watchFiles = (ref: RunRef, run: ProcessRun): FSWatcher | undefined => {
  try {
    mkdirSync(runDirectory(ref.dir), { recursive: true, mode: 0o700 });
    const watcher = watch(runDirectory(ref.dir), { persistent: false }, () => run.check());
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
};

const assertRunnable = (plan: RunPlan): void => {
  if (plan.command.length === 0) throw new MitosisError('invalid_input', `${plan.id}: the command is empty`);
  try {
    if (statSync(plan.cwd).isDirectory()) return;
  } catch {
    // Told below.
  }
  throw new MitosisError('invalid_input', `${plan.id}: working directory ${plan.cwd} does not exist`);
};
