/** Files of docs/services/alone.md, as they are there but for addresses. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { blocksOf } from '../extend/copied-repository.js';
import { REPOSITORY } from '../level/host.js';

/** Writes those below `prefix` into `folder`; `replaced`: what stands on the page → what holds here. Throws when it is not there. */
export const writePageFiles = (
  folder: string,
  prefix: string,
  replaced: Readonly<Record<string, string>>,
): void => {
  const page = readFileSync(join(REPOSITORY, 'docs/services/alone.md'), 'utf8');
  const blocks = blocksOf(page).filter(({ file }) => file.startsWith(`${prefix}/`));
  if (blocks.length === 0) throw new Error(`the page has no file below ${prefix}`);
  const all = blocks.map(({ text }) => text).join('\n');
  for (const from of Object.keys(replaced))
    if (!all.includes(from)) throw new Error(`the page does not say ${from}`);
  for (const { file, text } of blocks) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    const here = Object.entries(replaced).reduce((sofar, [from, to]) => sofar.replaceAll(from, to), text);
    writeFileSync(join(folder, file), here);
  }
};
