/** The `mitosis` command as a library: its entry, and what the guided tour is made of. */
export { createProgram, main } from './program.js';
