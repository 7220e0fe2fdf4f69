import { defineConfig } from 'vitest/config';

const root = new URL('..', import.meta.url).pathname;
// Vitest hands these conditions to Node itself: with 'import' among them, `require` of a dual package gets its ES module.
const shared = {
  resolve: { conditions: ['mitosis-source'] },
  ssr: { resolve: { conditions: ['mitosis-source', 'node'] } },
};

/** Two projects: `unit` needs nothing but Node; `integration` starts real processes and etcd and runs file after file. */
export default defineConfig({
  root,
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          root,
          include: ['{libs,services,deploy}/*/src/**/*.spec.ts'],
          exclude: ['**/*.integration.spec.ts', '**/node_modules/**'],
          // Modules are loaded once and not for each file: half the time. Every test puts back what it replaces.
          isolate: false,
          // Against what hangs; how long a test takes is the machine's affair.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'integration',
          root,
          include: [
            '{libs,services}/*/src/**/*.integration.spec.ts',
            'test/{integration,chaos,compose,docker,extend,security,simulation,upgrade}/**/*.spec.ts',
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
