import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SilentLogger } from '@mitosis/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergeInputs, NO_INPUTS } from '../decide/table.js';
import { component, endpoint, observed, spec } from '../decide/table.testing.js';
import { LastGoodTable } from './last-good-table.js';

const INPUTS = mergeInputs(
  NO_INPUTS,
  observed({ spec: spec('web', [component('web')]), endpoints: { web: [endpoint('web-a', 1)] } }),
);
let directory: string;
const open = (level = 'shop') => new LastGoodTable(directory, level, new SilentLogger());

beforeEach(() => {
  directory = mkdtempSync('/tmp/m-lgt-');
});
afterEach(() => rmSync(directory, { recursive: true }));

describe(LastGoodTable.name, () => {
  it('gives back what was saved last, and leaves nothing else behind', async () => {
    const table = open();
    table.save(NO_INPUTS);
    table.save(INPUTS);
    await table.flush();
    expect(await open().load()).toEqual(INPUTS);
    expect(readdirSync(directory)).toEqual(['last-good-table.json']);
  });

  it('takes a missing, a truncated and a foreign file for none', async () => {
    expect(await open().load()).toBeUndefined();
    writeFileSync(join(directory, 'last-good-table.json'), '{"v":1,"level":"shop","inp');
    expect(await open().load()).toBeUndefined();
    const table = open('other');
    table.save(INPUTS);
    await table.flush();
    expect(await open('shop').load()).toBeUndefined();
  });
});
