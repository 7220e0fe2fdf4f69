/** Which decisions are worth a person's time: those a client could notice, and answers to a fault. Pure. */
import type { LevelDecision } from './report.js';

const HEALTH_ACTIONS: ReadonlySet<string> = new Set(['replace', 'adopt', 'rollback', 'birth', 'purge']);

export const isTelling = (decision: LevelDecision): boolean => {
  switch (decision.function) {
    case 'autoscaler':
      return decision.component !== '';
    case 'composer':
    case 'router':
      return true;
    case 'health':
      return HEALTH_ACTIONS.has(decision.action);
    case 'monitor':
    case 'placer':
      return false;
    // Of a service that was added: it was added for what it decides.
    default:
      return true;
  }
};
