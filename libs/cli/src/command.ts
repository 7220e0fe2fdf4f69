/**
 * What every command shares: its options, the session it talks through, and how it ends (0, 1 failed, 2 bad input).
 * Must never let an error reach Node's own printer.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import type { Command } from 'commander';
import { CompositionError } from './composition-error.js';
import { Output } from './output/output.js';
import { HostSession, readDeployed } from './session/host.js';
import { LevelSession } from './session/level.js';
import { splitLevel } from './session/select-level.js';

export type ExitCode = 0 | 1 | 2;

export interface SharedOptions {
  readonly json?: boolean;
  readonly projectName?: string;
}

export interface Context {
  readonly home: string;
  readonly host: HostSession;
  readonly output: Output;
  /** Aborted at the first interrupt. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export type Run<O> = (
  context: Context,
  args: readonly string[],
  options: O & SharedOptions,
) => Promise<ExitCode>;

export const homeOf = (env: Readonly<Record<string, string | undefined>>): string => {
  const told = env['MITOSIS_HOME'];
  return told === undefined || told === '' ? join(homedir(), '.mitosis') : told;
};

const interruptSignal = (): { readonly signal: AbortSignal; release(): void } => {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    // The second one is for whatever does not listen to the first.
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onInterrupt);
    },
  };
};

/** Bad input is what the user can mend by typing something else. */
export const exitCodeOf = (error: unknown): ExitCode => {
  if (error instanceof CompositionError) return 2;
  if (error instanceof MitosisError && (error.code === 'invalid_input' || error.code === 'not_found'))
    return 2;
  return 1;
};

const describe = (error: unknown): { code: string; message: string; details?: unknown } => {
  if (error instanceof CompositionError)
    return { code: 'invalid_input', message: error.message, details: error.problems };
  if (error instanceof MitosisError) return { code: error.code, message: error.message };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal', message: text };
};

/** Makes a commander action of a command's function. */
export const withContext =
  <O>(run: Run<O>) =>
  async (...parameters: readonly unknown[]): Promise<void> => {
    const command = parameters.at(-1) as Command;
    const options = command.optsWithGlobals<O & SharedOptions>();
    const output = new Output({ out: process.stdout, err: process.stderr }, options.json === true);
    const home = homeOf(process.env);
    const interrupt = interruptSignal();
    let host: HostSession | undefined;
    try {
      host = new HostSession(home, readDeployed(process.env));
      process.exitCode = await run(
        { home, host, output, signal: interrupt.signal, env: process.env, cwd: process.cwd() },
        command.args,
        options,
      );
    } catch (error) {
      output.failure(describe(error));
      process.exitCode = exitCodeOf(error);
    } finally {
      interrupt.release();
      host?.close();
    }
  };

/** Level and remaining arguments of `mitosis <command> [level] …`. */
export const levelAndArgs = async (
  context: Context,
  args: readonly string[],
  options: SharedOptions,
  needed = 0,
): Promise<{ readonly level: LevelSession; readonly rest: readonly string[] }> => {
  const levels = await context.host.levels();
  const split = splitLevel(args, levels, needed);
  return { level: await context.host.level(split.level ?? options.projectName), rest: split.rest };
};
