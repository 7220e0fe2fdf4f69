export * from './decide/check-history.js';
export * from './decide/record.js';
export * from './journal.js';
export * from './read-history.js';
