/** Several functions in one process, each with its own election: `mitosisd --functions monitor,health`. */
import { parseArgs } from 'node:util';
import { runService } from '@mitosis/service-kit';
import { chooseFunctions, DEFINITIONS } from './services.js';

const argumentOf = (): string | undefined => {
  try {
    return parseArgs({ options: { functions: { type: 'string' } } }).values.functions;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
};

const fail = (message: string): never => {
  process.stderr.write(`mitosisd: ${message}\n`);
  process.exit(2);
};

const choice = chooseFunctions(argumentOf(), process.env['MITOSIS_FUNCTIONS']);
if (choice.kind === 'mistake') fail(choice.message);
else await runService(await Promise.all(choice.functions.map((name) => DEFINITIONS[name]())));
