/**
 * The shell-sized parent of every instance: it outlives the agent, waits for the command and writes its exit code. Two
 * shells: the outer one waits, the inner one notes its own /proc stat line (pid and start time of the process that the
 * command becomes) and turns into the command. It never starts without its intent file: an agent that removed the file
 * and then sees no marked process knows for certain that the run will never begin.
 */
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunRef } from '../actuator.js';
import { parseStat, type ProcessIdentity } from './process-table.js';

/**
 * $1 is the run's file prefix, the rest the command. Caught signals (unlike ignored ones) are reset in children, so the
 * shim outlives a signal to its whole group while the command gets the default behaviour.
 */
export const SHIM = `run=$1; shift
[ -e "$run.intent" ] || exit 0
trap : HUP INT QUIT TERM USR1 USR2 ALRM
/bin/sh -c 'read -r stat </proc/$$/stat && printf "%s\\n" "$stat" >"$0.main"; exec "$@"' "$run" "$@"
code=$?
PATH=/usr/bin:/bin; export PATH
printf '%s\\n' "$code" >"$run.exit.part" && mv "$run.exit.part" "$run.exit"`;

/** Only run files are in here: it is watched, and output must not wake the agent. */
export const runDirectory = (dir: string): string => join(dir, 'run');
export const logPath = (dir: string): string => join(dir, 'log');

export class RunFiles {
  readonly prefix: string;

  constructor(ref: RunRef) {
    this.prefix = join(runDirectory(ref.dir), String(ref.run));
  }

  allowStart(): void {
    writeFileSync(`${this.prefix}.intent`, '');
  }

  forbidStart(): void {
    rmSync(`${this.prefix}.intent`, { force: true });
  }

  /** The main process as it noted itself; undefined while it has not. */
  main(): ProcessIdentity | undefined {
    const stat = readText(`${this.prefix}.main`);
    return stat.endsWith('\n') ? parseStat(stat) : undefined;
  }

  /** What the shim wrote; undefined while it has not. */
  exit(): { readonly code: number; readonly atMs: number } | undefined {
    const path = `${this.prefix}.exit`;
    const code = Number.parseInt(readText(path), 10);
    return Number.isInteger(code) ? { code, atMs: Math.round(statSync(path).mtimeMs) } : undefined;
  }

  startedAtMs(): number | undefined {
    const path = `${this.prefix}.main`;
    return existsSync(path) ? Math.round(statSync(path).mtimeMs) : undefined;
  }

  remove(): void {
    for (const suffix of ['intent', 'main', 'exit', 'exit.part'])
      rmSync(`${this.prefix}.${suffix}`, { force: true });
  }
}

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

export const openLog = (dir: string): number => {
  mkdirSync(runDirectory(dir), { recursive: true, mode: 0o700 });
  return openSync(logPath(dir), 'a', 0o600);
};

/** A shell drops variables whose names it cannot spell; `env` hands them over. */
export const commandLine = (
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): readonly string[] => {
  const odd = Object.entries(env).filter(([name]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  return odd.length === 0 ? command : ['/usr/bin/env', ...odd.map(([k, v]) => `${k}=${v}`), ...command];
};
