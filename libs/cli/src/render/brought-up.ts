/** What `mitosis up` ends with. Pure. */
import pc from 'picocolors';
import type { BroughtUp } from '../bring-up/bring-up.js';
import type { LastWords } from '../bring-up/last-words.js';
import { indent } from '../output/table.js';
import { formatMs } from '../output/units.js';
import { entryUrls } from '../session/observe.js';
import { renderLevel } from './status.js';

export const renderBroughtUp = (result: BroughtUp, tookMs: number): string => {
  const levels = result.views.map(renderLevel).join('\n\n');
  const urls = result.views
    .filter((view) => view.level === result.level)
    .flatMap((view) => entryUrls(view.graph).map((entry) => entry.url));
  const where = urls.length === 0 ? '' : `: ${urls.join(' ')}`;
  return `${levels}\n\n${pc.green(`${result.level} is ready`)} after ${formatMs(tookMs)}${where}`;
};

export const renderNotReady = (result: BroughtUp, tookMs: number, words: readonly LastWords[]): string => {
  const missing = result.readiness.missing.map((line) => indent(line));
  const logs = words.map(
    ({ level, id, lines }) => `last lines of ${id} (${level}):\n${indent(lines.join('\n'), 4)}`,
  );
  return [
    `${result.level} is not ready after ${formatMs(tookMs)}:`,
    ...missing,
    ...logs.map((text) => indent(text)),
    'It goes on trying. Look with `mitosis status` and `mitosis decisions`, end it with `mitosis down`.',
  ].join('\n');
};
