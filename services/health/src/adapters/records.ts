/** Watched keys as typed records: each value is parsed once, however many passes read it. */
import type { KeyValue } from '@mitosis/coordination';
import type { Versions, Versioned } from '../decide/input.js';

const parsed = new WeakMap<KeyValue, Versioned<unknown>>();

/** The record of a key, with the revision it was written at. */
export const recordOf = <T>(entry: KeyValue): Versioned<T> => {
  const known = parsed.get(entry);
  if (known !== undefined) return known as Versioned<T>;
  const record: Versioned<T> = { value: JSON.parse(entry.value) as T, modRevision: entry.modRevision };
  parsed.set(entry, record);
  return record;
};

/** By the part of the key that follows the prefix. */
export const recordsOf = <T>(prefix: string, entries: ReadonlyMap<string, KeyValue>): Versions<T> => {
  const records = new Map<string, Versioned<T>>();
  for (const [key, entry] of entries) records.set(key.slice(prefix.length), recordOf<T>(entry));
  return records;
};
