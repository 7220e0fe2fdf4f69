/** One composition file: read, parsed, its variables filled in, checked, in the long form and with absolute paths. */
import { anchorFile } from './paths.js';
import { canonical } from './canonical.js';
import { mergeFiles } from './merge.js';
import { interpolateNode, type Variables } from '../interpolation/interpolate-node.js';
import type { Problems } from '../problem.js';
import { composition } from '../shape/compose-shape.js';
import { validate } from '../shape/validate.js';
import { map, type Node, type Position } from '../source/node.js';
import { parseYaml } from '../source/parse-yaml.js';

/** The text of a file, or undefined when there is none. May throw: that is told as a problem. */
export type ReadFile = (path: string) => string | undefined;

/** What every file of one composition is read with. */
export interface Reading {
  readonly read: ReadFile;
  readonly problems: Problems;
  readonly variables: Variables;
  /** Folder that relative paths are meant from. */
  readonly folder: string;
}

export interface NamedFile {
  readonly path: string;
  /** Where its name is written, when that is in a file. */
  readonly at?: Position;
  /** The place in the composition, e.g. `services.web.extends`. */
  readonly where?: string;
}

export const readText = (
  path: string,
  { read, problems }: Pick<Reading, 'read' | 'problems'>,
  named: Position,
  remedy: string,
  where = '',
): string | undefined => {
  try {
    const text = read(path);
    if (text === undefined) problems.error(named, where, `there is no file ${path}`, remedy);
    return text;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    problems.error(named, where, `${path} cannot be read: ${why}`, 'make it a readable file');
    return undefined;
  }
};

/** Undefined when the file has problems of its own. */
export const readCompositionFile = (file: NamedFile, reading: Reading): Node | undefined => {
  const { path } = file;
  const start: Position = { file: path, line: 1, column: 1 };
  const named = file.at ?? { file: path, line: 0, column: 0 };
  const text = readText(path, reading, named, 'name a file that exists', file.where);
  if (text === undefined) return undefined;
  const documents = parseYaml(path, text, reading.problems);
  if (documents === undefined) return undefined;
  if (documents.length === 0)
    reading.problems.warn(start, '', 'the file is empty', 'write services: and the components below it');
  const ready = documents.map((document) => readDocument(document, reading));
  const usable = ready.filter((node) => node !== undefined);
  if (usable.length < ready.length) return undefined;
  // One document keeps its !reset and !override for the files it is merged over.
  const [first, ...rest] = usable;
  return rest.reduce<Node>(mergeFiles, first ?? map(start, []));
};

const readDocument = (document: Node, reading: Reading): Node | undefined => {
  const { problems, variables, folder } = reading;
  const before = problems.errors.length;
  const filled = interpolateNode(document, variables, problems);
  if (problems.errors.length > before) return undefined;
  validate(filled, composition, '', problems);
  if (problems.errors.length > before) return undefined;
  const long = canonical(filled, problems);
  return problems.errors.length > before ? undefined : anchorFile(long, folder, variables['HOME']);
};
