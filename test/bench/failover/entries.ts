/** Which lines of the histories say that a successor has begun, acted or written. */
import type { Stamped } from '@mitosis/history';
import type { HistoryTail } from './history-tail.js';

const BOUND_MS = 20_000;

/** The session of health that began after this revision. */
export const begun = (tail: HistoryTail, after: number): Promise<Stamped> =>
  tail.first(
    'session',
    (entry) => entry.k === 'begin' && entry.fn === 'health' && entry.epoch.revision > after,
    BOUND_MS,
  );

/** A start of an instance of these components that an agent accepted from a newer epoch. */
export const started = (
  tail: HistoryTail,
  after: number,
  components: readonly string[],
  sinceMs = 0,
): Promise<Stamped> =>
  tail.first(
    `start of ${components.join(' or ')}`,
    (entry) =>
      entry.k === 'act' &&
      entry.verdict === 'accepted' &&
      entry.verb === 'start' &&
      entry.epoch.revision > after &&
      entry.t > sinceMs &&
      components.some((component) => entry.id.startsWith(`${component}-`)),
    BOUND_MS,
  );

/** The first commit of a newer epoch that writes the key, at the moment its success was known. */
export const written = async (tail: HistoryTail, after: number, key: string): Promise<Stamped> => {
  const commit = await tail.first(
    key,
    (entry) => entry.k === 'commit' && entry.keys.includes(key) && entry.epoch.revision > after,
    BOUND_MS,
  );
  return tail.first(
    `outcome of ${key}`,
    (entry) =>
      entry.k === 'outcome' &&
      commit.k === 'commit' &&
      entry.outcome === 'committed' &&
      entry.fn === commit.fn &&
      entry.n === commit.n &&
      entry.epoch.revision === commit.epoch.revision,
    BOUND_MS,
  );
};
