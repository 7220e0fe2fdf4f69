/** For the tests and benchmarks of other packages: a real etcd and a faulty link to it. */
export * from './etcd.testing.js';
export * from './tcp-proxy.testing.js';
