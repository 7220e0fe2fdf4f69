export { buildTable, mergeInputs, NO_INPUTS, type Table, type TableInputs } from './decide/table.js';
export { DataPath, type DataPathOptions } from './data-path/data-path.js';
export { ROUTER_DEFAULTS, type RouterConfig } from './router.config.js';
