/**
 * What is wrong with a composition, told so that a person can mend it: place, problem, remedy. Collected, never thrown,
 * so that one run shows everything that is wrong.
 */
import type { Position } from './source/node.js';

export interface Problem {
  /** As it was handed in, or absolute for files that others name. */
  readonly file: string;
  /** From 1. 0: the file as a whole (it is missing, say). */
  readonly line: number;
  readonly column: number;
  /** Where in the composition, e.g. `services.web.ports[0]`. Empty: the whole. */
  readonly path: string;
  readonly problem: string;
  /** What would be right; always something to do. */
  readonly remedy: string;
}

/** More than this helps nobody: the first ones usually cause the rest. */
const PROBLEMS_MAX = 100;

export class Problems {
  readonly errors: Problem[] = [];
  readonly warnings: Problem[] = [];

  error(at: Position, path: string, problem: string, remedy: string): void {
    add(this.errors, { ...place(at), path, problem, remedy });
  }

  warn(at: Position, path: string, problem: string, remedy: string): void {
    add(this.warnings, { ...place(at), path, problem, remedy });
  }

  get failed(): boolean {
    return this.errors.length > 0;
  }
}

const place = ({ file, line, column }: Position): Position => ({ file, line, column });

const add = (list: Problem[], problem: Problem): void => {
  const same = (other: Problem): boolean =>
    other.file === problem.file &&
    other.line === problem.line &&
    other.column === problem.column &&
    other.problem === problem.problem;
  if (list.length < PROBLEMS_MAX && !list.some(same)) list.push(problem);
};

export interface FormatOptions {
  /** Files below it are shown relative to it. */
  readonly relativeTo?: string;
  /** Said of each one; default `error`. */
  readonly severity?: 'error' | 'warning';
}

/** One block a problem: `file:line:column: error: path: problem` and, indented, the remedy. */
export const formatProblems = (problems: readonly Problem[], options: FormatOptions = {}): string =>
  problems
    .map((problem) => {
      const where = [shown(problem.file, options.relativeTo), problem.line, problem.column]
        .filter((part) => part !== 0)
        .join(':');
      const path = problem.path === '' ? '' : `${problem.path}: `;
      return `${where}: ${options.severity ?? 'error'}: ${path}${problem.problem}\n    remedy: ${problem.remedy}`;
    })
    .join('\n');

const shown = (file: string, relativeTo: string | undefined): string =>
  relativeTo !== undefined && file.startsWith(`${relativeTo}/`) ? file.slice(relativeTo.length + 1) : file;
