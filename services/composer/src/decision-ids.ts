/** Ids of this process's decisions: never the same twice, also not within one millisecond. */
import type { DecisionId } from '@mitosis/contracts';
import { idOf, type Stamp } from './decide/records.js';

export class DecisionIds {
  private sequence = 0;

  next(stamp: Stamp): DecisionId {
    this.sequence += 1;
    return idOf(stamp, this.sequence);
  }
}
