import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeDurable, encodeDurable, readDurable, writeDurable } from './durable-file.js';

describe('durable file', () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync('/tmp/m-');
    path = join(dir, 'state.json');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('answers what was written, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(decodeDurable(encodeDurable(value))).toEqual(plain);
      }),
    );
  });

  it('never answers a text that was cut or changed in one place', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), fc.nat(), (value, at) => {
        const text = encodeDurable(value);
        // The line end alone may be missing.
        expect(decodeDurable(text.slice(0, at % (text.length - 1)))).toBeUndefined();
        const place = at % text.length;
        const other = text[place] === 'a' ? 'b' : 'a';
        const changed = text.slice(0, place) + other + text.slice(place + 1);
        if (place < text.length - 1) expect(decodeDurable(changed)).toBeUndefined();
      }),
    );
  });

  it('recovers from its copy when the file was truncated', async () => {
    await writeDurable(path, { a: 1 });
    truncateSync(path, 20);
    expect(await readDurable(path)).toEqual({ kind: 'value', value: { a: 1 }, recovered: true });
  });

  it('says that nothing can be trusted when both are damaged', async () => {
    await writeDurable(path, { a: 1 });
    for (const name of readdirSync(dir)) writeFileSync(join(dir, name), '{"sum":"');
    expect(await readDurable(path)).toEqual({ kind: 'damaged' });
    expect(await readDurable(join(dir, 'other.json'))).toEqual({ kind: 'absent' });
  });
});
