/** Compose files with `x-mitosis` → type graph; validation; what would change. */
export { loadComposition, type LoadInput, type LoadResult } from './load-composition.js';
export { type FormatOptions, formatProblems, type Problem } from './problem.js';
export { type Change, type ChangeKind, diffTypeGraphs, type FieldChange } from './diff.js';
export { DEFAULT_NAMES } from './compose/default-names.js';
export type { ReadFile } from './compose/read-file.js';
export { variableName } from './graph/names.js';
export { publishedSchema } from './published-schema.js';
