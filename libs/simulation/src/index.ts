/** The deterministic simulation: the real functions of a level on virtual time, with seeded faults and invariants. */
export * from './random.js';
export { runSeed, type SeedOptions, type SeedOutcome } from './run/run-seed.js';
export { newHost, type Child, type Host } from './host/host.js';
export { SimActuator, type SimActuatorOptions } from './host/sim-actuator.js';
export { SimChild, type ChildOptions } from './host/sim-child.js';
export { ProcessClock } from './world/process-clock.js';
