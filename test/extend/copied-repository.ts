/**
 * A copy of this repository as it is on disk, with dependencies of its own, in which a page of docs/ can be followed: its
 * commands are run and its files written, as a reader would.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../level/host.js';

const run = promisify(execFile);
const OUTPUT_MAX = 64 * 1024 * 1024;
/** Against what hangs. */
const COMMAND_MS = 240_000;

/** Variables of the test runner and of CI that would change what a command does for a person. */
const NOT_HANDED_ON = /^(CI$|NODE_OPTIONS$|NODE_ENV$|VITEST|TURBO_|npm_|MITOSIS_)/u;

export class CopiedRepository {
  readonly root = mkdtempSync('/tmp/m-copy-');
  private readonly env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !NOT_HANDED_ON.test(name)),
  );

  constructor() {
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const files = execFileSync('git', list, { cwd: REPOSITORY, encoding: 'utf8' }).split('\0');
    for (const file of new Set(files.filter((one) => one !== '')))
      cpSync(join(REPOSITORY, file), join(this.root, file), { force: true });
  }

  read(file: string): string {
    return readFileSync(join(this.root, file), 'utf8');
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), text);
  }

  /** Runs one command line of a page to its end and answers what it printed; throws with all of it when it fails. */
  async type(line: string, ...more: readonly string[]): Promise<string> {
    const [program = '', ...args] = [...wordsOf(line), ...more];
    const options = { cwd: this.root, env: this.env, timeout: COMMAND_MS, maxBuffer: OUTPUT_MAX };
    try {
      const { stdout, stderr } = await run(program, args, options);
      return stdout + stderr;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
      throw new Error(`${line}: failed\n${stdout}\n${stderr}`, { cause: error });
    }
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Single quotes keep words together. */
export const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');

export interface Block {
  /** `sh`, or the language of a file. */
  readonly language: string;
  /** The file it is, or empty. */
  readonly file: string;
  readonly text: string;
}

/** The code blocks of a page in their order; one that is a file names it after its language. */
export const blocksOf = (page: string): readonly Block[] =>
  [...page.matchAll(/^```(\w+) ?(\S*)\n([^]*?)^```$/gm)].map(([, language = '', file = '', text = '']) => ({
    language,
    file,
    text,
  }));
