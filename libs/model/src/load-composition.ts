/**
 * The front door: composition files → type graph, or everything that is wrong with them. Pure: files are read with the
 * function handed in, variables are those handed in.
 */
import { basename, dirname, join } from 'node:path';
import { type LevelId, levelId, type TypeGraph } from '@mitosis/contracts';
import { DEFAULT_NAMES, defaultFiles } from './compose/default-names.js';
import { readEnvironment } from './compose/environment.js';
import { loadFiles } from './compose/load-files.js';
import { absolutePath } from './compose/paths.js';
import { activeServices } from './compose/profiles.js';
import type { NamedFile, ReadFile } from './compose/read-file.js';
import { levelOf } from './graph/level.js';
import type { Variables } from './interpolation/interpolate-node.js';
import { type Problem, Problems } from './problem.js';
import { child, type Node, type Position, textOf } from './source/node.js';
import { didYouMean } from './values/did-you-mean.js';

export interface LoadInput {
  /** Composition files, later ones over earlier ones, relative to `projectDir`. Empty: found as `docker compose` does. */
  readonly files?: readonly string[];
  /** Absolute. What relative paths are meant from; a composition without a name is called after it. */
  readonly projectDir: string;
  /** Variables of the surroundings; they win over environment files. */
  readonly env: Variables;
  /** Instead of `.env` in `projectDir`. */
  readonly envFiles?: readonly string[];
  /** Profiles to take part, besides those of `COMPOSE_PROFILES`; `*` stands for all. */
  readonly profiles?: readonly string[];
  /** Instead of the name in the file. */
  readonly name?: string;
  /** Three etcd members per level unless a composition says otherwise. */
  readonly highAvailability?: boolean;
  /** The text of a file by its absolute path, or undefined when there is none. */
  readonly read: ReadFile;
}

export type LoadResult =
  | { readonly ok: true; readonly typeGraph: TypeGraph; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

export const loadComposition = (input: LoadInput): LoadResult => {
  const problems = new Problems();
  const typeGraph = new Loading(input, problems).root();
  const warnings = problems.warnings;
  if (typeGraph === undefined || problems.failed) return { ok: false, problems: problems.errors, warnings };
  return { ok: true, typeGraph, warnings };
};

/** One composition to load: the root, or a child level. */
interface Task {
  readonly folder: string;
  readonly files: readonly NamedFile[];
  readonly variables: Variables;
  readonly levelOf: (root: Node) => { readonly level: LevelId; readonly name: string };
  /** Composition files of the levels above. */
  readonly chain: readonly string[];
}

class Loading {
  constructor(
    private readonly input: LoadInput,
    private readonly problems: Problems,
  ) {}

  root(): TypeGraph | undefined {
    const { projectDir, env, envFiles, files } = this.input;
    const nowhere = { file: projectDir, line: 0, column: 0 };
    const paths = (envFiles ?? []).map((path) => ({
      path: absolutePath(path, projectDir, env['HOME']),
      at: nowhere,
    }));
    const variables = this.environment(projectDir, paths, env);
    const named = (files ?? []).map((path) => absolutePath(path, projectDir, env['HOME']));
    const chosen =
      named.length > 0 ? named : defaultFiles(projectDir, variables, (path) => this.exists(path));
    if (chosen.length === 0) {
      this.problems.error(
        nowhere,
        '',
        'there is no composition here',
        `name one with --file, or make one of ${DEFAULT_NAMES.join(', ')}`,
      );
      return undefined;
    }
    return this.load({
      folder: projectDir,
      files: chosen.map((path) => ({ path })),
      variables,
      levelOf: (root) => {
        const name = this.nameOf(root, variables);
        return { level: levelId(name), name };
      },
      chain: [],
    });
  }

  private load(task: Task): TypeGraph | undefined {
    const { folder, variables } = task;
    const reading = { read: this.input.read, problems: this.problems, variables, folder };
    const root = loadFiles(task.files, reading);
    if (root === undefined || this.problems.failed) return undefined;
    const active = activeServices(root, this.profiles(variables));
    if (active.services.size === 0) {
      const hint =
        active.inactive.size === 0 ? 'add services: with a component' : 'choose a profile: --profile';
      this.problems.error(root.at, 'services', 'the composition has no component', hint);
      return undefined;
    }
    const { level, name } = task.levelOf(root);
    const chain = [...task.chain, ...task.files.map(({ path }) => path)];
    return levelOf({
      building: { problems: this.problems, variables, read: this.input.read, root },
      active,
      level,
      name,
      folder,
      highAvailability: this.input.highAvailability ?? false,
      loadChild: (named, childId, component) => this.child(named, childId, component, chain),
    });
  }

  private child(
    named: Required<NamedFile>,
    level: LevelId,
    component: string,
    chain: readonly string[],
  ): TypeGraph | undefined {
    const { path, at, where } = named;
    const found = this.childFiles(path);
    const [first] = found;
    if (first === undefined || !this.exists(first)) {
      const remedy = `name a composition file, or a folder with ${DEFAULT_NAMES[0]}`;
      this.problems.error(at, where, `there is no file ${path}`, remedy);
      return undefined;
    }
    if (chain.includes(first)) {
      this.problems.error(
        at,
        where,
        `${first} contains itself${chain.length > 1 ? ' through its children' : ''}`,
        'a composition cannot be its own child: break the circle',
      );
      return undefined;
    }
    const folder = dirname(first);
    return this.load({
      folder,
      files: found.map((file) => ({ path: file, at, where })),
      variables: this.environment(folder, [], this.input.env),
      levelOf: (root) => ({ level, name: textOf(root, 'name') ?? component }),
      chain,
    });
  }

  /** A file, or the default files of a folder. */
  private childFiles(path: string): readonly string[] {
    return this.exists(path) ? [path] : defaultFiles(path, {}, (file) => this.exists(file));
  }

  private environment(
    folder: string,
    envFiles: readonly { readonly path: string; readonly at: Position }[],
    outer: Variables,
  ): Variables {
    return readEnvironment({ folder, envFiles, outer, read: this.input.read, problems: this.problems });
  }

  private exists(path: string): boolean {
    try {
      return this.input.read(path) !== undefined;
    } catch {
      return false;
    }
  }

  private profiles(variables: Variables): readonly string[] {
    const listed = (variables['COMPOSE_PROFILES'] ?? '').split(',').map((profile) => profile.trim());
    return [...(this.input.profiles ?? []), ...listed.filter((profile) => profile !== '')];
  }

  private nameOf(root: Node, variables: Variables): string {
    const written = child(root, 'name');
    const outside = this.input.name ?? variables['COMPOSE_PROJECT_NAME'];
    const name = outside ?? textOf(root, 'name') ?? nameOfFolder(this.input.projectDir);
    if (!/^[a-z0-9][a-z0-9_-]*$/.test(name))
      this.problems.error(
        outside === undefined && written !== undefined ? written.at : root.at,
        'name',
        `"${name}" is no name for a composition`,
        didYouMean(name, [nameOfFolder(name)], 'use lower-case letters, digits, - and _'),
      );
    return name;
  }
}

/** As Compose makes a name of a folder. */
export const nameOfFolder = (folder: string): string =>
  basename(join(folder, '.'))
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '') || 'default';
