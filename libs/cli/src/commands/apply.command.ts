/** `mitosis apply`: puts changed composition files in force in a level that is up. The level carries the change out. */
import type { Command } from 'commander';
import { sealSecrets } from '../bring-up/seal-secrets.js';
import { withRelease } from '../bring-up/with-release.js';
import { loadFiles, takesComposition, tellWarnings, type CompositionOptions } from '../composition.js';
import { withContext, type Context, type ExitCode } from '../command.js';
import { resolveRelease } from '../release.js';

export const registerApply = (program: Command): void => {
  takesComposition(program.command('apply'))
    .description('put changed composition files in force; the level carries the change out')
    .option('--expect <generation>', 'only if this generation is in force', Number)
    .action(withContext<ApplyOptions>(apply));
};

interface ApplyOptions extends CompositionOptions {
  readonly expect?: number;
}

/** Whatever generation is in force. */
const ANY_GENERATION = -1;

const apply = async (context: Context, args: readonly string[], options: ApplyOptions): Promise<ExitCode> => {
  const loaded = loadFiles(context, args, options);
  tellWarnings(context, loaded);
  const level = await context.host.level(loaded.typeGraph.level);
  const wanted = withRelease(sealSecrets(loaded.typeGraph, context), resolveRelease(context.env));
  const reply = await level.apply(wanted, options.expect ?? ANY_GENERATION);
  context.output.result({ level: level.name, ...reply }, () =>
    reply.changed
      ? `${level.name}: generation ${reply.generation} is in force; follow it with \`mitosis decisions --follow\``
      : `${level.name}: nothing to change (generation ${reply.generation})`,
  );
  return 0;
};
