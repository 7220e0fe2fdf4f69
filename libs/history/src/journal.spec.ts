import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkHistory } from './decide/check-history.js';
import { Journal } from './journal.js';
import { readHistory } from './read-history.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'm-history-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const journal = (maxBytes?: number): Journal =>
  new Journal({
    directory: join(home, 'history'),
    party: 'agent',
    name: 'agent',
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
const created = (id: string) => ({ k: 'created', level: 'shop', id }) as const;

const idsOf = (): readonly string[] =>
  readHistory(home).flatMap(({ lines }) =>
    lines.flatMap(({ entry }) => (entry.k === 'created' ? [entry.id] : [])),
  );

describe('a journal', () => {
  it('has what was recorded on disk when `written` resolves, in order', async () => {
    const one = journal();
    for (const id of ['web-1', 'web-2', 'web-3']) one.record(created(id));
    await one.written();
    expect(idsOf()).toEqual(['web-1', 'web-2', 'web-3']);
    await one.close();
  });

  it('goes on after a torn line of a killed predecessor', async () => {
    const before = journal();
    before.record(created('web-1'));
    await before.close();
    appendFileSync(join(home, 'history/agent.jsonl'), '{"t":1,"k":"crea');
    const after = journal();
    after.record(created('web-2'));
    await after.close();
    expect(idsOf()).toEqual(['web-1', 'web-2']);
    expect(checkHistory(readHistory(home)).incomplete).toEqual([]);
  });

  it('keeps two parts, and the checker is told when more was thrown away', async () => {
    const one = journal(2_000);
    const counts: number[] = [];
    for (let id = 0; id < 60; id += 1) {
      one.record(created(`web-${id}`));
      await one.written();
      if (id % 10 === 9) counts.push(checkHistory(readHistory(home)).incomplete.length);
    }
    await one.close();
    expect(counts[0]).toBe(0);
    expect(counts.at(-1)).toBe(1);
    expect(idsOf().at(-1)).toBe('web-59');
  });

  it('loses lines on a bad disk without failing or waiting, and says how many afterwards', async () => {
    writeFileSync(join(home, 'history'), 'a file where the directory should be');
    const one = journal();
    one.record(created('web-1'));
    await one.written();
    rmSync(join(home, 'history'));
    const again = journal();
    one.record(created('web-2'));
    await one.written();
    await Promise.all([one.close(), again.close()]);
    expect(idsOf()).toContain('web-2');
    expect(checkHistory(readHistory(home)).incomplete.join()).toContain('2 lines were lost');
  });

  it('is answered with a remedy where there is no history', () => {
    expect(() => readHistory(join(home, 'nowhere'))).toThrow(/MITOSIS_HOME/);
  });
});
