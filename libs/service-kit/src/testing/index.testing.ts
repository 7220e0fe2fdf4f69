/** `@mitosis/service-kit/testing`: run a function without a process around it. Never imported by production code. */
export * from './fake-candidate.testing.js';
export * from './fake-peers.testing.js';
export * from './silent-logger.testing.js';
export * from './shell-harness.testing.js';
