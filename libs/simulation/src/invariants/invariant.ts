/** An invariant: watches a level, says once why it is broken, and changes nothing. Stated here, checked after every step. */
import type { Observer } from '../level/observer.js';
import type { SimLevel } from '../level/sim-level.js';

export interface Invariant {
  readonly summary: string;
  /** `fail` may be called many times; the first one counts. */
  watch(level: SimLevel, fail: (why: string) => void): Observer;
}
