/** The data path alone, without a level around it: for benchmarks. */
export { DataPath, type DataPathOptions } from './data-path.js';
export { buildTable, NO_INPUTS, type Table, type TableInputs } from '../decide/table.js';
export { ROUTER_DEFAULTS } from '../router.config.js';
