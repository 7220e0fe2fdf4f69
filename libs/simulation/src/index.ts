/** The deterministic simulation: the real functions of a level on virtual time, with seeded faults and invariants. */
export * from './random.js';
export { runSeed, type SeedOptions, type SeedOutcome } from './run/run-seed.js';
