export * from './store.js';
export * from './session.js';
