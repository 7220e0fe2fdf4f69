/** The composer: the type graph in force, bindings and child levels. */
export { composerService } from './composer.module.js';
export { decideBinding, type BindingChange } from './decide/binding.js';
export { EMPTY_BINDING, observeBinding, type BindingState } from './decide/binding-state.js';
export { describeChange } from './decide/spec.js';
