/** `pnpm sim`: bundles the simulation as it is now and runs it. See docs/simulation.md. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleSimulation } from './bundle.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const bundle = join(here, 'dist', `simulation-${process.pid}.mjs`);
await bundleSimulation(join(here, 'src/run/main.ts'), bundle);
// Workers start from it as long as this process lives.
process.once('exit', () => {
  for (const file of [bundle, `${bundle}.map`]) rmSync(file, { force: true });
});
process.argv[1] = bundle;
await import(pathToFileURL(bundle).href);
