/** Observations and type graphs for the tests and benchmarks of other packages. */
export * from './decide/observation.testing.js';
