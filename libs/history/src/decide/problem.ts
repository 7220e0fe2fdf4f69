/** One violation: which rule, what happened in a sentence, and the lines that prove it. */
import type { NumberedLine } from './record.js';

export const HISTORY_RULES = {
  'one-leader': 'no two effective leaders',
  session: 'no commit and no act outside a session',
  epochs: 'epochs only rise, in etcd and at each agent',
  decided: 'every start and stop at an agent has a committed decision',
  once: 'no id is started twice, none after its tombstone',
} as const;

export type HistoryRule = keyof typeof HISTORY_RULES;

export interface HistoryProblem {
  readonly rule: HistoryRule;
  readonly what: string;
  readonly lines: readonly NumberedLine[];
}
