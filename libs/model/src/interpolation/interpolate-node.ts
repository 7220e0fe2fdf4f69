/** Puts the values of variables into every text of a tree; keys stay as they are. */
import type { Problems } from '../problem.js';
import {
  type Entry,
  joinPath,
  type Node,
  type Position,
  type ScalarNode,
  withEntries,
} from '../source/node.js';
import { substitute } from './substitute.js';
import { parseTemplate, TemplateError } from './template.js';

export type Variables = Readonly<Record<string, string>>;

export const interpolateNode = (node: Node, variables: Variables, problems: Problems, path = ''): Node => {
  if (node.kind === 'scalar') return interpolateScalar(node, variables, problems, path);
  if (node.kind === 'seq') {
    const items = node.items.map((item, index) =>
      interpolateNode(item, variables, problems, joinPath(path, index)),
    );
    return { ...node, items };
  }
  const entries = new Map<string, Entry>();
  for (const [key, { keyAt, value }] of node.entries)
    entries.set(key, { keyAt, value: interpolateNode(value, variables, problems, joinPath(path, key)) });
  return withEntries(node, entries);
};

const interpolateScalar = (
  node: ScalarNode,
  variables: Variables,
  problems: Problems,
  path: string,
): ScalarNode => {
  if (typeof node.value !== 'string' || !node.text.includes('$')) return node;
  try {
    const { text, unset } = substitute(parseTemplate(node.text), lookupIn(variables));
    for (const name of unset)
      problems.warn(
        node.at,
        path,
        `variable ${name} is not set: an empty text is used`,
        `set ${name}, or write \${${name}:-default}`,
      );
    return { ...node, value: text, text, lead: null };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    problems.error(positionIn(node, error.offset), path, error.problem, error.remedy);
    return { ...node, value: '', text: '', lead: null };
  }
};

export const lookupIn =
  (variables: Variables) =>
  (name: string): string | undefined =>
    Object.hasOwn(variables, name) ? variables[name] : undefined;

/** In the file, as far as an offset in the value can be carried over to it. */
const positionIn = (node: ScalarNode, offset: number): Position =>
  node.lead === null ? node.at : { ...node.at, column: node.at.column + node.lead + offset };
