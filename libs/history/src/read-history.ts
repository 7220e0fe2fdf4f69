/** Reads the histories of a run from their directories, each party's parts in order. Must never change what it reads. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import { historyDirectory } from './journal.js';
import type { NumberedLine, PartyHistory, Stamped } from './decide/record.js';

/** `path`: a directory of histories, or a state directory that has one. Throws MitosisError `not_found` when it has none. */
export const readHistory = (path: string): readonly PartyHistory[] => {
  const directory = [historyDirectory(path), path].find(holdsHistories);
  if (directory === undefined)
    throw new MitosisError(
      'not_found',
      `${path} holds no history: name a state directory ($MITOSIS_HOME) or its directory "history"`,
    );
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => readParty(join(directory, name)));
};

const holdsHistories = (directory: string): boolean => {
  try {
    return (
      statSync(directory).isDirectory() && readdirSync(directory).some((name) => name.endsWith('.jsonl'))
    );
  } catch {
    return false;
  }
};

const readParty = (file: string): PartyHistory => {
  const parts = [`${file}.1`, file].map((part) => parseLines(basename(part), readOrEmpty(part)));
  return {
    file: basename(file),
    lines: parts.flatMap(({ lines }) => lines),
    unreadable: parts.flatMap(({ unreadable }) => unreadable),
  };
};

export const parseLines = (file: string, text: string): Omit<PartyHistory, 'file'> => {
  const lines: NumberedLine[] = [];
  const unreadable: number[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const entry = parse(line);
    if (entry === undefined) unreadable.push(index + 1);
    else lines.push({ number: index + 1, file, entry });
  }
  return { lines, unreadable };
};

const parse = (line: string): Stamped | undefined => {
  try {
    const value = JSON.parse(line) as Partial<Stamped> | null;
    return typeof value?.k === 'string' && typeof value.t === 'number' ? (value as Stamped) : undefined;
  } catch {
    return undefined;
  }
};

const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
