/** What a service that runs alone is told of the system beside it: a file, and the Prometheus that it names. */
export { readOutside, type Outside, type OutsideQueries } from './outside-file.js';
export { OutsideLevel, type OutsideLevelOptions } from './outside-level.js';
export { PrometheusFeed, type Measured, type PrometheusFeedOptions } from './prometheus-feed.js';
