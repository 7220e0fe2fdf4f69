/** Apart from the package's main entry because of the X.509 library: only who issues certificates loads it. */
export * from './authority.js';
export * from './material.js';
export * from './secret-file.js';
export * from './tls-directory.js';
