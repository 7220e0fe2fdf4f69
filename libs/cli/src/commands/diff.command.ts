/** `mitosis diff`: what applying composition files would change; changes nothing. */
import { diffTypeGraphs } from '@mitosis/model';
import type { Command } from 'commander';
import { sealSecrets } from '../bring-up/seal-secrets.js';
import { withRelease } from '../bring-up/with-release.js';
import { loadFiles, takesComposition, tellWarnings, type CompositionOptions } from '../composition.js';
import { withContext, type Context, type ExitCode } from '../command.js';
import { resolveRelease } from '../release.js';
import { renderChanges } from '../render/changes.js';

export const registerDiff = (program: Command): void => {
  takesComposition(program.command('diff'))
    .description('what applying composition files would change')
    .action(withContext<CompositionOptions>(diff));
};

const diff = async (
  context: Context,
  args: readonly string[],
  options: CompositionOptions,
): Promise<ExitCode> => {
  const loaded = loadFiles(context, args, options);
  tellWarnings(context, loaded);
  const level = await context.host.level(loaded.typeGraph.level);
  const { generation, typeGraph } = await level.spec();
  const wanted = withRelease(sealSecrets(loaded.typeGraph, context), resolveRelease(context.env));
  const changes = diffTypeGraphs(typeGraph ?? null, wanted);
  context.output.result({ level: level.name, generation, changes }, () => renderChanges(changes));
  return 0;
};
