import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ensureSealKey, isSealed, readSealKey, Sealer } from './seal.js';

const KEY = Buffer.alloc(32, 7).toString('base64');
const sealer = new Sealer(KEY, 'shop');

describe('a sealed secret', () => {
  it('opens to what was sealed, whatever it was, and is the same each time', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'grapheme' }), (name, value) => {
        const sealed = sealer.seal(name, value);
        expect(isSealed(sealed)).toBe(true);
        expect(sealer.open(name, sealed)).toBe(value);
        expect(sealer.seal(name, value)).toBe(sealed);
      }),
    );
  });

  it('shows nothing of its text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{8,40}$/u), (value) => {
        const sealed = sealer.seal('env/A', value);
        expect(sealed).not.toContain(value);
        expect(Buffer.from(sealed.slice('sealed:v1:'.length), 'base64url').toString('latin1')).not.toContain(
          value,
        );
      }),
    );
  });

  it('opens for no other level, name or key, nor when a character was changed', () => {
    const sealed = sealer.seal('env/A', 'hunter2');
    const refused = { code: 'invalid_input', message: expect.not.stringContaining('hunter2') };
    expect(() => new Sealer(KEY, 'shop.cart').open('env/A', sealed)).toThrow(
      expect.objectContaining(refused),
    );
    expect(() => sealer.open('env/B', sealed)).toThrow(expect.objectContaining(refused));
    expect(() => new Sealer(Buffer.alloc(32, 8).toString('base64'), 'shop').open('env/A', sealed)).toThrow();
    for (let at = 'sealed:v1:'.length; at < sealed.length - 1; at += 3) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      expect(() => sealer.open('env/A', sealed.slice(0, at) + other + sealed.slice(at + 1))).toThrow();
    }
  });

  it('is opened with a key that is made once and read by its user alone', () => {
    const directory = mkdtempSync('/tmp/m-');
    try {
      expect(readSealKey(directory)).toBeUndefined();
      const key = ensureSealKey(directory);
      expect(ensureSealKey(directory)).toBe(key);
      expect(statSync(join(directory, 'seal.key')).mode & 0o777).toBe(0o600);
      expect(() => new Sealer('c2hvcnQ=', 'shop')).toThrow(/damaged/u);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
