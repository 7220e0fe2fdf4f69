import { expect, it } from 'vitest';
import { RefusalLog, type RefusalLine } from './refusal-log.js';

it('tells the same refusal once in a while, with how often it came', () => {
  const lines: RefusalLine[] = [];
  let nowMs = 0;
  const refused = new RefusalLog({ tell: (line) => lines.push(line), nowMs: () => nowMs }).at('grpc');
  for (let port = 1; port <= 5; port += 1) refused(`10.0.0.1:${port}`, 'it showed no certificate');
  expect(lines).toEqual([
    { edge: 'grpc', from: '10.0.0.1:1', reason: 'it showed no certificate', untold: 0 },
  ]);
  refused('10.0.0.2:1', 'it showed no certificate');
  refused('10.0.0.1:9', 'its certificate has expired');
  expect(lines).toHaveLength(3);
  nowMs = 10_000;
  refused('10.0.0.1:6', 'it showed no certificate');
  expect(lines.at(-1)).toMatchObject({ from: '10.0.0.1:6', untold: 4 });
});

it('keeps a bounded memory, however many knock', () => {
  let told = 0;
  const refused = new RefusalLog({ tell: () => (told += 1), nowMs: () => 0 }).at('grpc');
  for (let host = 0; host < 5_000; host += 1) refused(`h${host}:1`, 'it showed no certificate');
  expect(told).toBe(5_000);
});
