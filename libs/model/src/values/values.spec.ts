import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteSize } from './bytes.js';
import { didYouMean, nearest, oneOf } from './did-you-mean.js';
import { durationMs } from './duration.js';
import { ratio } from './ratio.js';
import { moneyPerHour, requestsPerSecond } from './rate.js';
import { shellWords } from './shell-words.js';

describe('durations', () => {
  it.each([
    ['0', 0],
    ['10ms', 10],
    ['1s', 1_000],
    ['1m30s', 90_000],
    ['1.5s', 1_500],
    ['2h', 7_200_000],
    ['1h5m30s20ms', 3_930_020],
    ['500us', 0.5],
    ['1d', 86_400_000],
  ])('%s is %d ms', (text, ms) => expect(durationMs(text)).toBe(ms));

  it.each(['', '10', '1x', '1s ', '-1s', 's', '1 s'])('"%s" is none', (text) =>
    expect(durationMs(text)).toBeUndefined(),
  );

  it('adds its parts up', () => {
    fc.assert(
      fc.property(fc.nat(99), fc.nat(59), fc.nat(59), fc.nat(999), (h, m, s, ms) => {
        expect(durationMs(`${h}h${m}m${s}s${ms}ms`)).toBe(((h * 60 + m) * 60 + s) * 1_000 + ms);
      }),
    );
  });
});

describe('byte sizes', () => {
  it.each([
    ['0', 0],
    ['512', 512],
    ['512b', 512],
    ['2k', 2_048],
    ['2kb', 2_048],
    ['128M', 134_217_728],
    ['64MiB', 67_108_864],
    ['1.5gb', 1_610_612_736],
    ['1 G', 1_073_741_824],
  ])('%s is %d bytes', (text, bytes) => expect(byteSize(text)).toBe(bytes));

  it.each(['', 'M', '-1', '1x', '1mm'])('"%s" is none', (text) => expect(byteSize(text)).toBeUndefined());
});

describe('shares, money and rates', () => {
  it.each([
    ['1%', 0.01],
    ['0.1%', 0.001],
    ['100%', 1],
    ['0.05', 0.05],
    ['.5', 0.5],
    ['0', 0],
    ['1', 1],
  ])('%s is a share of %d', (text, value) => expect(ratio(text)).toBe(value));
  it.each(['101%', '2', '-1%', 'x', '', '1.5'])('"%s" is no share', (text) =>
    expect(ratio(text)).toBeUndefined(),
  );
  it.each([
    ['2.50/h', 2.5],
    ['60/d', 2.5],
    ['3', 3],
  ])('%s costs %d an hour', (text, value) => expect(moneyPerHour(text)).toBe(value));
  it.each([
    ['200/s', 200],
    ['600/m', 10],
    ['5', 5],
  ])('%s is %d requests a second', (text, value) => expect(requestsPerSecond(text)).toBe(value));
  it('takes nothing else for money', () => expect(moneyPerHour('2.50/week')).toBeUndefined());
});

describe('commands as one text', () => {
  it.each([
    ['node web.js', ['node', 'web.js']],
    [`sh -c 'echo "a b"; exit 1'`, ['sh', '-c', 'echo "a b"; exit 1']],
    [`a "b \\"c" d\\ e`, ['a', 'b "c', 'd e']],
    ['  a   b ', ['a', 'b']],
    [`a ''`, ['a', '']],
  ])('%s', (text, words) => expect(shellWords(text)).toEqual(words));
  it('is nothing with an open quote', () => expect(shellWords(`a 'b`)).toBeUndefined());
});

describe('guesses', () => {
  const known = ['ports', 'image', 'command', 'depends_on'];
  it.each([
    ['port', 'ports'],
    ['prots', 'ports'],
    ['Image', 'image'],
    ['depend_on', 'depends_on'],
    ['comand', 'command'],
  ])('%s was meant to be %s', (name, meant) => expect(nearest(name, known)).toBe(meant));
  it('does not guess what is far away', () =>
    expect(didYouMean('xyz', known, 'remove it')).toBe('remove it'));
  it('lists choices', () => {
    expect(oneOf(['a', 'b', 'c'])).toBe('a, b or c');
    expect(oneOf(['a'])).toBe('a');
  });
});
