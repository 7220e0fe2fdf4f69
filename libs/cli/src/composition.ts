/** Composition files → type graph, for every command that takes some: reads the files, hands all problems over. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { TypeGraph } from '@mitosis/contracts';
import { formatProblems, loadComposition, type Problem } from '@mitosis/model';
import type { Command } from 'commander';
import { CompositionError } from './composition-error.js';
import type { Context, SharedOptions } from './command.js';

export interface CompositionOptions extends SharedOptions {
  readonly file?: readonly string[];
  readonly envFile?: readonly string[];
  readonly profile?: readonly string[];
  readonly ha?: boolean;
}

export interface LoadedComposition {
  readonly typeGraph: TypeGraph;
  readonly warnings: readonly Problem[];
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
];

/** Arguments and options of a command that takes a composition. */
export const takesComposition = (command: Command): Command =>
  command
    .argument('[files...]', 'composition files, later ones over earlier ones (default: compose.yaml here)')
    .option('-f, --file <path>', 'composition file; may be given several times', collect)
    .option('--env-file <path>', 'variables, instead of .env; may be given several times', collect)
    .option('--profile <name>', 'profile to take part; may be given several times', collect)
    .option('-p, --project-name <name>', 'name of the level, instead of the one in the file')
    .option('--ha', 'three etcd members a level unless the composition says otherwise');

/** Undefined when there is no such file; throws when it cannot be read. */
const read = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined;

const setVariables = (env: Context['env']): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

/** Throws CompositionError with everything that is wrong. */
export const loadFiles = (
  context: Context,
  args: readonly string[],
  options: CompositionOptions,
): LoadedComposition => {
  const files = [...(options.file ?? []), ...args].map((file) => resolve(context.cwd, file));
  const [first] = files;
  const result = loadComposition({
    files,
    projectDir: first === undefined ? context.cwd : dirname(first),
    env: setVariables(context.env),
    envFiles: (options.envFile ?? []).map((file) => resolve(context.cwd, file)),
    profiles: options.profile ?? [],
    highAvailability: options.ha === true,
    read,
    ...(options.projectName === undefined ? {} : { name: options.projectName }),
  });
  if (result.ok) return result;
  const count = result.problems.length;
  throw new CompositionError(
    `the composition has ${count === 1 ? 'a problem' : `${count} problems`}\n${showProblems(context, result.problems)}`,
    result.problems,
  );
};

/** Paths as the user would type them. */
export const showProblems = (
  context: Context,
  problems: readonly Problem[],
  severity: 'error' | 'warning' = 'error',
): string =>
  formatProblems(
    problems.map((problem) => ({ ...problem, file: shortPath(context.cwd, problem.file) })),
    { severity },
  );

const shortPath = (cwd: string, file: string): string => {
  const short = relative(cwd, file);
  return short === '' || short.startsWith('..') ? file : short;
};

export const tellWarnings = (context: Context, loaded: LoadedComposition): void => {
  if (loaded.warnings.length > 0) context.output.warn(showProblems(context, loaded.warnings, 'warning'));
};
