/** `mitosis up`: starts a composition, or brings a running one to the files; returns when it is ready, leaves it running. */
import type { Command } from 'commander';
import { bringUp, type BringUpEvents, type BroughtUp } from '../bring-up/bring-up.js';
import { lastWords } from '../bring-up/last-words.js';
import { progressLine } from '../bring-up/readiness.js';
import { loadFiles, takesComposition, tellWarnings, type CompositionOptions } from '../composition.js';
import { withContext, type Context, type ExitCode } from '../command.js';
import { formatMs } from '../output/units.js';
import { resolveRelease } from '../release.js';
import { renderBroughtUp, renderNotReady } from '../render/brought-up.js';
import { entryUrls } from '../session/observe.js';
import { boundOf } from '../session/wait.js';
import { parseDuration } from './duration.js';

interface UpOptions extends CompositionOptions {
  readonly timeout: string;
}

export const registerUp = (program: Command): void => {
  takesComposition(program.command('up'))
    .option('--timeout <duration>', 'longest time to wait until ready', '60s')
    .description('start a composition and wait until it is ready; it keeps running')
    .action(withContext<UpOptions>(up));
};

const LOG_LINES = 8;
/** The first ones usually cause the rest. */
const SUSPECTS_MAX = 4;

const up = async (context: Context, args: readonly string[], options: UpOptions): Promise<ExitCode> => {
  const startedAt = performance.now();
  const timeoutMs = parseDuration(options.timeout);
  const loaded = loadFiles(context, args, options);
  tellWarnings(context, loaded);
  const release = resolveRelease(context.env);
  const bound = boundOf(timeoutMs, context.signal);
  const result = await bringUp(context.host, loaded.typeGraph, release, bound, eventsOf(context, startedAt));
  const tookMs = performance.now() - startedAt;
  if (result.readiness.ready) {
    context.output.result(document(result, tookMs), () => renderBroughtUp(result, tookMs));
    return 0;
  }
  const words = await lastWords(context.host, result.readiness.suspects.slice(0, SUSPECTS_MAX), LOG_LINES);
  context.output.failure({
    code: 'deadline',
    message: renderNotReady(result, tookMs, words),
    details: { ...document(result, tookMs), logs: words },
  });
  return 1;
};

/** Live lines for a watching person; otherwise a line whenever one of them changes. */
const eventsOf = ({ output }: Context, startedAt: number): BringUpEvents => {
  const since = (): string => formatMs(performance.now() - startedAt).padStart(7);
  let told = new Map<string, string>();
  return {
    milestone: (text) => output.milestone(`${since()}  ${text}`),
    progress: (wanted, views) => {
      const lines = new Map(
        wanted.map((level) => [
          level,
          progressLine(
            level,
            views.find((view) => view.level === level),
          ),
        ]),
      );
      if (output.watched)
        output.progress([...lines.values()].map((line) => `${since()}  ${line}`).join('\n'));
      else
        for (const [level, line] of lines)
          if (told.get(level) !== line) output.milestone(`${since()}  ${line}`);
      told = lines;
    },
  };
};

const document = (result: BroughtUp, tookMs: number): Record<string, unknown> => ({
  level: result.level,
  ready: result.readiness.ready,
  tookMs: Math.round(tookMs),
  generation: result.generation,
  changed: result.changed,
  adopted: result.adopted,
  missing: result.readiness.missing,
  levels: result.views.map((view) => ({
    level: view.level,
    leaders: view.directory?.leaders ?? null,
    components: view.composite?.components ?? null,
    entry: entryUrls(view.graph),
  })),
});
