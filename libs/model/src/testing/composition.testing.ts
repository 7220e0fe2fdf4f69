/** For tests: compositions as texts, without a file system. */
import type { Component, TypeGraph } from '@mitosis/contracts';
import { formatProblems, loadComposition, type LoadInput } from '../index.js';

export const FOLDER = '/p';

export type Options = Partial<Omit<LoadInput, 'read' | 'projectDir'>>;

/** Names relative to the project's folder, texts without their common indentation. */
export const load = (files: Readonly<Record<string, string>>, options: Options = {}) => {
  const texts = new Map(Object.entries(files).map(([name, text]) => [absolute(name), dedent(text)]));
  return loadComposition({ env: {}, ...options, projectDir: FOLDER, read: (path) => texts.get(path) });
};

const absolute = (name: string): string => (name.startsWith('/') ? name : `${FOLDER}/${name}`);

export const dedent = (text: string): string => {
  const lines = text.replace(/^\n/, '').split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const indent = Math.min(...indents, 1_000);
  return lines.map((line) => line.slice(indent)).join('\n');
};

/** The type graph of one file; fails with the problems told. */
export const graphOf = (
  text: string,
  options: Options = {},
  more: Readonly<Record<string, string>> = {},
): TypeGraph => graphOfFiles({ 'compose.yaml': text, ...more }, options);

export const graphOfFiles = (files: Readonly<Record<string, string>>, options: Options = {}): TypeGraph => {
  const result = load(files, options);
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.typeGraph;
};

/** One component `a` with the lines given. */
export const componentWith = (
  lines: string,
  options: Options = {},
  more: Readonly<Record<string, string>> = {},
): Component => only(graphOf(serviceWith(lines), options, more), 'a');

export const serviceWith = (lines: string): string =>
  `services:\n  a:\n${dedent(lines)
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')}\n`;

export const only = (graph: TypeGraph, name: string): Component => {
  const component = graph.components[name];
  if (component === undefined) throw new Error(`no component ${name}`);
  return component;
};

/** `file:line:column path: problem → remedy`, of errors or warnings. */
export const told = (
  files: Readonly<Record<string, string>> | string,
  what: 'problems' | 'warnings' = 'problems',
  options: Options = {},
): readonly string[] => {
  const result = load(typeof files === 'string' ? { 'compose.yaml': files } : files, options);
  const list = what === 'warnings' ? result.warnings : result.ok ? [] : result.problems;
  return list.map(
    ({ file, line, column, path, problem, remedy }) =>
      `${file.replace(`${FOLDER}/`, '')}:${line}:${column} ${path}: ${problem} → ${remedy}`,
  );
};
