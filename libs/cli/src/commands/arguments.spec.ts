import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../command.js';
import { CompositionError } from '../composition-error.js';
import { MitosisError } from '@mitosis/contracts';
import { parseName } from './certificates.command.js';
import { countOf } from './decisions.command.js';
import { parseDuration } from './duration.js';
import { parseAssignment } from './scale.command.js';

describe('arguments', () => {
  it('take durations with units, bare numbers as seconds', () => {
    expect(['500ms', '90s', '10m', '1.5h', '3'].map(parseDuration)).toEqual([
      500, 90_000, 600_000, 5_400_000, 3_000,
    ]);
  });
  it.each(['', 'soon', '5 weeks', '-3s'])('refuse %j as a duration', (text) => {
    expect(() => parseDuration(text)).toThrow(/no duration/);
  });
  it('take a count or auto', () => {
    expect(parseAssignment('web=3')).toEqual({ component: 'web', count: 3 });
    expect(parseAssignment('web=auto')).toEqual({ component: 'web', count: -1 });
  });
  it.each(['web', 'web=', 'web=-1', 'web=many', '=3'])('refuse %j as an assignment', (text) => {
    expect(() => parseAssignment(text)).toThrow(/component=count/);
  });
  it('take the name of a process for its certificate', () => {
    expect(parseName('shop.catalog/router/r-1')).toEqual({
      level: 'shop.catalog',
      role: 'router',
      id: 'r-1',
    });
  });
  it.each(['shop', 'shop/router', 'shop/router/', '../router/r-1', 'shop/a b/c'])(
    'refuse %j as such a name',
    (text) => {
      expect(() => parseName(text)).toThrow(/<level>\/<role>\/<id>/);
    },
  );
  it('refuse a limit that is no whole number', () => {
    expect(() => countOf('few', '--limit')).toThrow(/--limit few/);
  });
});

describe('exit codes', () => {
  it('are 2 for what the user can type differently, 1 for the rest', () => {
    expect(exitCodeOf(new CompositionError('broken', []))).toBe(2);
    expect(exitCodeOf(new MitosisError('invalid_input', ''))).toBe(2);
    expect(exitCodeOf(new MitosisError('not_found', ''))).toBe(2);
    expect(exitCodeOf(new MitosisError('unavailable', ''))).toBe(1);
    expect(exitCodeOf(new TypeError(''))).toBe(1);
  });
});
