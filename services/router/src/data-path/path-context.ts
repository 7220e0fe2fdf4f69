/** What every request on the data path shares. */
import type { RouterConfig } from '../router.config.js';
import type { Upstreams } from './upstreams.js';

export interface PathContext {
  readonly config: RouterConfig;
  readonly upstreams: Upstreams;
  /** Wall clock: ejections agreed between routers end by it. */
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly random: () => number;
  /** This process is about to end: answers say `Connection: close`. */
  readonly stopping: () => boolean;
}
