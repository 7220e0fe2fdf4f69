export * from './clock.js';
export * from './etcd-store.js';
export * from './memory-etcd.js';
export * from './session.js';
export * from './store.js';
export * from './virtual-clock.js';
