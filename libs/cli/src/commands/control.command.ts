/**
 * `mitosis pause|resume|advise <function>`: paused neither decides nor acts, advise decides, records and acts on nothing.
 * Bounds and overrides hold in every mode.
 */
import { FUNCTION_NAMES, MitosisError, type ControlMode } from '@mitosis/contracts';
import type { Command } from 'commander';
import { levelAndArgs, withContext, type SharedOptions } from '../command.js';
import { functionNamed } from '../session/level.js';

interface Switch {
  readonly name: string;
  readonly mode: ControlMode;
  readonly about: string;
}

const SWITCHES: readonly Switch[] = [
  { name: 'pause', mode: 'paused', about: 'stop a function from deciding and acting' },
  { name: 'resume', mode: 'run', about: 'let a function decide and act again' },
  { name: 'advise', mode: 'advise', about: 'let a function decide and record, but act on nothing' },
];

export const registerControl = (program: Command): void => {
  for (const { name, mode, about } of SWITCHES)
    program
      .command(name)
      .argument('<names...>', `[level] <function>: ${FUNCTION_NAMES.join(', ')}`)
      .option('-p, --project-name <level>', 'the level meant')
      .description(about)
      .action(
        withContext<SharedOptions>(async (context, args, options) => {
          const { level, rest } = await levelAndArgs(context, args, options, 1);
          if (rest.length !== 1)
            throw new MitosisError('invalid_input', `expected: mitosis ${name} [level] <function>`);
          const fn = functionNamed(rest[0] ?? '', FUNCTION_NAMES);
          await level.control(fn, mode);
          context.output.result(
            { level: level.name, function: fn, mode },
            () => `${level.name}: ${fn} ${mode}`,
          );
          return 0;
        }),
      );
};
