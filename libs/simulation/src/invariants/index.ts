/** Every invariant by its name, which a failing seed prints. */
import { drainedFirst, quietAfterAck } from './drain.js';
import { committedFirst, idsOnce, noDuplicates, noStranger } from './instances.js';
import type { Invariant } from './invariant.js';
import { holdsLoad, keepsMinimum } from './minimum.js';
import { actsInOrder, actsInsideSessions, commitsByTheHolder } from './one-leader.js';

export const INVARIANTS = {
  'commits-by-the-holder': commitsByTheHolder,
  'acts-in-order': actsInOrder,
  'acts-inside-sessions': actsInsideSessions,
  'no-duplicates': noDuplicates,
  'ids-once': idsOnce,
  'committed-first': committedFirst,
  'no-stranger': noStranger,
  'quiet-after-ack': quietAfterAck,
  'drained-first': drainedFirst,
  'keeps-minimum': keepsMinimum,
  'holds-load': holdsLoad,
} as const satisfies Record<string, Invariant>;

/** `settles`: checked at the end, see settled.ts. */
export type InvariantName = keyof typeof INVARIANTS | 'settles';
export const INVARIANT_NAMES = [...Object.keys(INVARIANTS), 'settles'] as readonly InvariantName[];
