/** `pnpm deploy:generate`: writes the files that are made from the one list of services. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { generatedFiles } from './files.js';

const ROOT = resolve(import.meta.dirname, '../../..');
for (const [path, text] of Object.entries(await generatedFiles())) {
  mkdirSync(dirname(resolve(ROOT, path)), { recursive: true });
  writeFileSync(resolve(ROOT, path), text);
  process.stdout.write(`${path}\n`);
}
