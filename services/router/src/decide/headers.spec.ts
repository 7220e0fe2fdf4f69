import { describe, expect, it } from 'vitest';
import { requestHeaders, responseHeaders, targetPath } from './headers.js';

const INSIDE = { remoteAddress: '10.0.0.9', authority: '' };

describe(requestHeaders.name, () => {
  it('drops hop-by-hop fields, also those that Connection names, and keeps the rest in order and spelling', () => {
    const raw = [
      'Host',
      'a',
      'X-One',
      '1',
      'Connection',
      'close, X-Hop',
      'x-hop',
      '1',
      'TE',
      'gzip',
      'X-One',
      '2',
    ];
    expect(requestHeaders(raw, INSIDE).slice(0, 4)).toEqual(['X-One', '1', 'X-One', '2']);
    expect(requestHeaders(raw, INSIDE).map((field) => field.toLowerCase())).not.toContain('x-hop');
  });

  it('adds where the request came from', () => {
    const raw = ['Host', 'shop', 'X-Forwarded-For', '1.1.1.1', 'X-Forwarded-Proto', 'https'];
    expect(requestHeaders(raw, INSIDE)).toEqual(
      'X-Forwarded-Proto https Host shop X-Forwarded-For 1.1.1.1,10.0.0.9 X-Forwarded-Host shop'
        .split(' ')
        .map((part) => part.replace(',', ', ')),
    );
  });

  it('tells a third party its own host and nothing of the inside', () => {
    const raw = ['Host', 'shop', 'X-Forwarded-For', '1.1.1.1', 'Accept', '*/*'];
    expect(requestHeaders(raw, { ...INSIDE, authority: 'pay.example' })).toEqual([
      'Accept',
      '*/*',
      'Host',
      'pay.example',
    ]);
  });
});

describe(responseHeaders.name, () => {
  it('keeps repeated fields and drops the framing', () => {
    const raw = [
      'Set-Cookie',
      'a',
      'Set-Cookie',
      'b',
      'Transfer-Encoding',
      'chunked',
      'Keep-Alive',
      'timeout=5',
    ];
    expect(responseHeaders(raw)).toEqual(['Set-Cookie', 'a', 'Set-Cookie', 'b']);
  });
});

describe(targetPath.name, () => {
  it('takes origin and absolute form, and nothing else', () => {
    expect(targetPath('/a?b=c', '/v1')).toBe('/v1/a?b=c');
    expect(targetPath('http://shop/a?b=c', '')).toBe('/a?b=c');
    expect(targetPath('*', '')).toBeUndefined();
  });
});
