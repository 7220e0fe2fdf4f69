/**
 * Lays out what the image holds, from a built tree: `node deploy/docker/layout.mjs <folder>`. One bundle a service of the
 * one list, the agent and the manager; nothing of node_modules.
 */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FUNCTION_NAMES } from '../../libs/contracts/dist/functions.js';

const root = resolve(import.meta.dirname, '../..');
const [out] = process.argv.slice(2);
if (out === undefined) {
  process.stderr.write('usage: node deploy/docker/layout.mjs <folder>\n');
  process.exit(2);
}
for (const name of [...FUNCTION_NAMES, 'agent', 'mitosisd']) {
  const dist = join(root, 'services', name, 'dist');
  if (!existsSync(join(dist, 'bundle/main.mjs'))) {
    process.stderr.write(`services/${name} is not built: run \`pnpm build\`\n`);
    process.exit(1);
  }
  const target = join(out, 'services', name);
  mkdirSync(target, { recursive: true });
  for (const part of ['bundle', 'proto'])
    if (existsSync(join(dist, part))) cpSync(join(dist, part), join(target, part), { recursive: true });
}
cpSync(join(import.meta.dirname, 'healthcheck.mjs'), join(out, 'healthcheck.mjs'));
