/** `mitosis diff`: what applying a composition would change. Pure. */
import type { Change, ChangeKind } from '@mitosis/model';
import pc from 'picocolors';

const MEANING: Readonly<Record<ChangeKind, string>> = {
  added: 'is added',
  removed: 'is removed: its instances are drained and stopped',
  replaced: 'is replaced instance by instance',
  rescaled: 'gets other bounds',
  repolicied: 'gets another policy or objective',
  changed: 'changes without a restart',
};

export const renderChanges = (changes: readonly Change[]): string =>
  changes.length === 0 ? 'no difference' : changes.map(renderChange).join('\n');

const renderChange = ({ kind, path, fields }: Change): string => {
  const name = path === '' ? 'the level' : path;
  const mark = kind === 'added' ? pc.green('+') : kind === 'removed' ? pc.red('-') : pc.yellow('~');
  const lines = fields.map(({ field, from, to }) => `    ${field}: ${brief(from)} → ${brief(to)}`);
  return [`${mark} ${name} ${MEANING[kind]}`, ...lines].join('\n');
};

const BRIEF_MAX = 100;
const brief = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'unset';
  return text.length > BRIEF_MAX ? `${text.slice(0, BRIEF_MAX - 1)}…` : text;
};
