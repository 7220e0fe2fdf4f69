/**
 * One file out of the simulation and everything it runs, so that its worker processes start fast and run unencumbered by
 * a loader. `node libs/simulation/bundle.mjs [entry] [outfile]`. Never part of what is shipped.
 */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));

/** etcd's client is in the graph of imports and never used: the simulation brings its own store. */
const withoutEtcd = {
  name: 'without-etcd',
  setup: (bundle) => {
    bundle.onResolve({ filter: /^etcd3/ }, () => ({ path: 'etcd3', namespace: 'absent' }));
    bundle.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: 'module.exports = new Proxy({}, { get: () => class {} });',
      loader: 'js',
    }));
  },
};

/** @param {string} entry @param {string} outfile */
export const bundleSimulation = (entry, outfile) =>
  build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['mitosis-source'],
    external: ['@nestjs/*', 'reflect-metadata'],
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
    plugins: [withoutEtcd],
    logLevel: 'warning',
    sourcemap: 'linked',
  });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [entry = resolve(here, 'src/run/main.ts'), outfile = resolve(here, 'dist/simulation.mjs')] =
    process.argv.slice(2);
  await bundleSimulation(entry, outfile);
}
