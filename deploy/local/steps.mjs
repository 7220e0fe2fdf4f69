/**
 * One line a step: what it is, what came out, how long it took. Runs commands quietly and shows their output only when
 * they fail; the whole output is kept below `.mitosis/logs`. Plain Node: this runs before anything is installed.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Everything made locally lies here; git ignores it. */
export const localDir = join(root, '.mitosis');
export const toolsDir = join(localDir, 'tools');

const watched = process.stdout.isTTY;
const NAME_WIDTH = 8;
/** Lines of a failed command that are shown. */
const TAIL_LINES = 40;

export class StepError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} remedy what to do
   */
  constructor(message, remedy = '') {
    super(message);
    this.name = 'StepError';
    this.remedy = remedy;
  }
}

/** @param {number} ms */
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/**
 * Runs one step; its result is the text the line ends with.
 * @param {string} name
 * @param {string} doing shown to a person while it runs
 * @param {() => Promise<string>} run
 */
export const step = async (name, doing, run) => {
  const label = name.padEnd(NAME_WIDTH);
  const startedAt = performance.now();
  if (watched) process.stdout.write(`  ${label} ${doing} …`);
  const clear = watched ? '\r\u001b[2K' : '';
  try {
    const result = await run();
    process.stdout.write(`${clear}✓ ${label} ${result} (${seconds(performance.now() - startedAt)})\n`);
  } catch (error) {
    process.stdout.write(`${clear}✗ ${label} failed (${seconds(performance.now() - startedAt)})\n`);
    throw error;
  }
};

/**
 * Runs a command to its end and returns its output; throws StepError with the last lines when it fails.
 * @param {string} name names the log file
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, cwd?: string, remedy?: string }} [options]
 * @returns {Promise<string>}
 */
export const run = (name, command, args, options = {}) =>
  new Promise((resolve, reject) => {
    const logs = join(localDir, 'logs');
    mkdirSync(logs, { recursive: true });
    const logFile = join(logs, `${name}.log`);
    const log = createWriteStream(logFile);
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
        log.write(text);
      });
    }
    child.on('error', (error) => {
      log.end();
      reject(new StepError(`${command} could not be started: ${error.message}`, options.remedy));
    });
    child.on('close', (code) => {
      log.end();
      if (code === 0) return resolve(output);
      const tail = output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
      const line = [command, ...args].join(' ');
      reject(new StepError(`${line} ended with ${code}\n${tail}\n(all of it: ${logFile})`, options.remedy));
    });
  });

/**
 * Output of a command, or undefined when it is missing or fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string }} [options]
 */
export const probe = async (command, args, options = {}) => {
  try {
    return await run('probe', command, args, options);
  } catch {
    return undefined;
  }
};

/**
 * Hands the terminal to a command and returns its exit code. An interrupt reaches the whole process group: it is the
 * command's to answer, this process only waits.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Record<string, string>} env
 * @returns {Promise<number>}
 */
export const handOver = (command, args, env) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' });
    const ignore = () => {};
    const forward = () => child.kill('SIGTERM');
    process.on('SIGINT', ignore);
    process.on('SIGTERM', forward);
    child.on('error', reject);
    child.on('exit', (code) => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', forward);
      resolve(code ?? 1);
    });
  });

const stampFile = join(toolsDir, 'stamps.json');

/** @returns {Record<string, string>} */
const readStamps = () => {
  if (!existsSync(stampFile)) return {};
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
};

/** What a step was last done for; undefined when never. @param {string} name */
export const stampOf = (name) => readStamps()[name];

/** @param {string} name @param {string} value */
export const stamp = (name, value) => {
  mkdirSync(toolsDir, { recursive: true });
  writeFileSync(stampFile, `${JSON.stringify({ ...readStamps(), [name]: value }, null, 2)}\n`);
};

/**
 * Runs a program's main function: exit code 0, 1 (failed) or 2 (bad input), errors as text instead of a stack.
 * @param {() => Promise<number>} main
 */
export const runMain = async (main) => {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    if (error.remedy !== '') process.stderr.write(`\n→ ${error.remedy}\n`);
    process.exitCode = 1;
  }
};
