export * from './function.js';
export * from './logger.js';
export * from './peers.js';
