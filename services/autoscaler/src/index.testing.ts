/** Observations, type graphs and pools for the tests and benchmarks of other packages. */
export * from './decide/observation.testing.js';
export * from './decide/pool-simulation.testing.js';
