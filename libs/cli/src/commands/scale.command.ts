/** `mitosis scale web=3`: fixes a component's count for a time, or gives it back to the autoscaler (`web=auto`). */
import { MitosisError } from '@mitosis/contracts';
import type { Command } from 'commander';
import { levelAndArgs, withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { parseDuration } from './duration.js';

interface ScaleOptions extends SharedOptions {
  readonly for?: string;
  readonly reason: string;
}

export interface Assignment {
  readonly component: string;
  /** −1: back to the autoscaler. */
  readonly count: number;
}

export const registerScale = (program: Command): void => {
  program
    .command('scale')
    .argument('<assignments...>', '[level] component=count, or component=auto to give it back')
    .option('-p, --project-name <level>', 'the level meant')
    .option('--for <duration>', 'how long, e.g. 10m (default: until component=auto)')
    .option('--reason <text>', 'kept with the decision', 'by hand')
    .description('fix how many instances a component has')
    .action(withContext<ScaleOptions>(scale));
};

/** Throws MitosisError `invalid_input`. */
export const parseAssignment = (text: string): Assignment => {
  const [, component, count] = /^([^=\s]+)=(\d+|auto)$/.exec(text) ?? [];
  if (component === undefined || count === undefined)
    throw new MitosisError('invalid_input', `${text}: expected component=count (web=3) or component=auto`);
  return { component, count: count === 'auto' ? -1 : Number(count) };
};

const scale = async (context: Context, args: readonly string[], options: ScaleOptions): Promise<ExitCode> => {
  const { level, rest } = await levelAndArgs(context, args, options, 1);
  const assignments = rest.map(parseAssignment);
  const expiresInMs = options.for === undefined ? 0 : parseDuration(options.for);
  for (const { component, count } of assignments)
    await level.override({ component, count, expiresInMs, reason: options.reason });
  context.output.result({ level: level.name, assignments, expiresInMs }, () =>
    assignments
      .map(({ component, count }) =>
        count < 0 ? `${component}: back to the autoscaler` : `${component}: ${count} wanted`,
      )
      .join('\n'),
  );
  return 0;
};
