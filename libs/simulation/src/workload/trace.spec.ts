import { describe, expect, it } from 'vitest';
import { cutTrace, parseTrace, rateQuantile, scaleTrace, traceSeconds } from './trace.js';

describe(parseTrace.name, () => {
  it('reads minutes and seconds, other columns left alone', () => {
    expect([...parseTrace('a.csv', 'minute,requests\n0,60\n1,120\n').rates]).toEqual([1, 2]);
    const seconds = parseTrace('b.csv', 'second,requests,tokens\n10,3,9\n11,4,9\n');
    expect([...seconds.rates]).toEqual([3, 4]);
    expect(seconds.binS).toBe(1);
  });

  it('takes the least distance as the bin and fills gaps with the rate before them', () => {
    const trace = parseTrace('c.csv', 'minute,requests\n0,300\n5,600\n15,900\n');
    expect(trace.binS).toBe(300);
    expect([...trace.rates]).toEqual([1, 2, 2, 3]);
  });

  it.each([
    ['time,requests\n0,1\n', /x\.csv:1: the first column is "time".*minute,requests/],
    ['minute,hits\n0,1\n', /x\.csv:1: there is no column "requests"/],
    ['minute,requests\n0,1\n1,many\n', /x\.csv:3: "many" is no number of requests/],
    ['minute,requests\n0,1\n1,-4\n', /x\.csv:3: "-4"/],
    ['minute,requests\n0,1\n1\n', /x\.csv:3: it has 1 cells, the header 2/],
    ['minute,requests\n3,1\n2,1\n', /x\.csv:3: 2 does not come after 3/],
    ['minute,requests\n', /x\.csv:2: there is no data/],
    ['minute,requests\n0,1\n1,NaN\n', /x\.csv:3: "NaN" is no number of requests/],
    ['minute,requests\n0,1\n1,0x10\n', /x\.csv:3: "0x10" is no number of requests/],
    ['minute,requests\n0,1\n1,1e400\n', /x\.csv:3: "1e400"/],
    ['minute,requests\n0,1\n2,1\n5,1\n', /x\.csv:4: 5 is no multiple of 2 after 0.*equally long/],
    ['minute,requests\n0,1\n0.01,1\n', /x\.csv:3: the bins are 0\.6 s long; make them whole seconds/],
    ['minute;requests\n0;1\n', /x\.csv:1: the first column is "minute;requests".*minute,requests/],
    ['', /x\.csv:1: the file is empty; write a first line such as/],
  ])('refuses %j with file and line', (text, message) => {
    expect(() => parseTrace('x.csv', text)).toThrow(message);
  });

  it('is cut, scaled and measured', () => {
    const trace = parseTrace('d.csv', 'minute,requests\n0,60\n1,120\n2,180\n3,240\n');
    expect([...cutTrace(trace, 60, 120).rates]).toEqual([2, 3]);
    expect([...scaleTrace(trace, 2).rates]).toEqual([2, 4, 6, 8]);
    expect(traceSeconds(trace)).toBe(240);
    expect(rateQuantile(trace, 0.5)).toBe(2);
  });
});
