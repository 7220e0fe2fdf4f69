export * from './config.js';
export * from './function.js';
export * from './grpc-errors.js';
export * from './logger.js';
export * from './peers.js';
export * from './service.js';
export * from './settings.js';
