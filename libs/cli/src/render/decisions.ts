/** Decisions for people: a line each, or the chain that led to one. Pure. */
import type { DecisionRecord } from '@mitosis/contracts';
import pc from 'picocolors';
import { formatTime } from '../output/units.js';

/** One line: when, who, what, why. */
export const renderDecision = (record: DecisionRecord): string => {
  const about = record.component === '' ? '' : ` ${pc.cyan(record.component)}`;
  const applied = record.applied ? '' : pc.yellow(' (not applied)');
  const change = record.change === '' ? '' : ` ${record.change}`;
  return `${pc.dim(formatTime(record.atMs))} ${record.function.padEnd(10)} ${record.action}${about}${change}${applied}: ${record.reason}`;
};

export interface ChainLink {
  readonly record: DecisionRecord;
  readonly causes: readonly ChainLink[];
  /** Causes that are no longer kept. */
  readonly forgotten: readonly string[];
}

/** Chains are short (a stop follows from a drain, from a target, …); this only bounds a circle made by mistake. */
const DEPTH_MAX = 12;

export const chainOf = (
  record: DecisionRecord,
  all: ReadonlyMap<string, DecisionRecord>,
  depth = 0,
): ChainLink => {
  const causes = depth >= DEPTH_MAX ? [] : record.causes;
  return {
    record,
    causes: causes.flatMap((id) => {
      const cause = all.get(id);
      return cause === undefined ? [] : [chainOf(cause, all, depth + 1)];
    }),
    forgotten: causes.filter((id) => !all.has(id)),
  };
};

/** Chains of those of `about` that no other of them follows from, newest first. */
export const chainsOf = (
  about: readonly DecisionRecord[],
  records: readonly DecisionRecord[],
  limit: number,
): readonly ChainLink[] => {
  const all = new Map<string, DecisionRecord>(records.map((record) => [record.id, record]));
  const followed = new Set<string>(about.flatMap((record) => record.causes));
  return about
    .filter((record) => !followed.has(record.id))
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, limit)
    .map((record) => chainOf(record, all));
};

export const renderChain = (link: ChainLink, indent = ''): string => {
  const lines = [indent + renderDecision(link.record)];
  const inputs = renderInputs(link.record.inputs);
  const policy = link.record.policy === '' ? '' : `policy ${link.record.policy}`;
  const facts = [policy, inputs].filter((part) => part !== '').join('; ');
  if (facts !== '') lines.push(`${indent}   ${pc.dim(facts)}`);
  for (const cause of link.causes) lines.push(`${indent}   because`, renderChain(cause, `${indent}   `));
  if (link.forgotten.length > 0)
    lines.push(`${indent}   because of ${link.forgotten.join(', ')} ${pc.dim('(no longer kept)')}`);
  return lines.join('\n');
};

const INPUTS_MAX = 8;

const renderInputs = (inputs: Readonly<Record<string, unknown>>): string => {
  const entries = Object.entries(inputs);
  const shown = entries.slice(0, INPUTS_MAX).map(([name, value]) => `${name} ${inputText(value)}`);
  return [...shown, ...(entries.length > INPUTS_MAX ? ['…'] : [])].join(', ');
};

const inputText = (value: unknown): string => {
  if (typeof value === 'number') return String(Math.round(value * 1_000) / 1_000);
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value) ?? 'unknown';
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
};
