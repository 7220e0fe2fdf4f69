/** `mitosis validate`: checks composition files and changes nothing. */
import type { Command } from 'commander';
import { CompositionError } from '../composition-error.js';
import {
  loadFiles,
  showProblems,
  takesComposition,
  type CompositionOptions,
  type LoadedComposition,
} from '../composition.js';
import { withContext, type Context, type ExitCode } from '../command.js';

interface ValidateOptions extends CompositionOptions {
  readonly print?: boolean;
}

export const registerValidate = (program: Command): void => {
  takesComposition(program.command('validate'))
    .description('check composition files; every problem with its place and what would be right')
    .option('--print', 'print the type graph they give')
    .action(withContext<ValidateOptions>(validate));
};

const validate = async (
  context: Context,
  args: readonly string[],
  options: ValidateOptions,
): Promise<ExitCode> => {
  let loaded: LoadedComposition;
  try {
    loaded = loadFiles(context, args, options);
  } catch (error) {
    if (!(error instanceof CompositionError) || options.json !== true) throw error;
    context.output.result({ ok: false, problems: error.problems }, () => '');
    return 2;
  }
  const { typeGraph, warnings } = loaded;
  context.output.result({ ok: true, warnings, typeGraph }, () => {
    const names = Object.keys(typeGraph.components);
    const summary = `${typeGraph.level}: valid, ${names.length} components (${names.join(', ')})`;
    const told = warnings.length === 0 ? [] : [showProblems(context, warnings, 'warning')];
    const printed = options.print === true ? [JSON.stringify(typeGraph, null, 2)] : [];
    return [...told, summary, ...printed].join('\n');
  });
  return 0;
};
