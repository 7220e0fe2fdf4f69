import { describe, expect, it } from 'vitest';
import { parsePort } from './port-syntax.js';
import { parseVolume } from './volume-syntax.js';

describe('short ports', () => {
  const port = (target: number, published = '', hostIp = '', protocol = 'tcp') => ({
    hostIp,
    published,
    target,
    protocol,
  });
  it.each([
    ['80', [port(80)]],
    ['80/udp', [port(80, '', '', 'udp')]],
    ['8080:80', [port(80, '8080')]],
    ['8080:80/tcp', [port(80, '8080')]],
    ['127.0.0.1:8080:80', [port(80, '8080', '127.0.0.1')]],
    ['127.0.0.1::80', [port(80, '', '127.0.0.1')]],
    ['localhost:8080:80', [port(80, '8080', 'localhost')]],
    ['[::1]:8080:80', [port(80, '8080', '::1')]],
    ['3000-3002', [port(3000), port(3001), port(3002)]],
    ['9000-9001:80-81', [port(80, '9000'), port(81, '9001')]],
    ['9000-9010:80', [port(80, '9000-9010')]],
  ])('%s', (text, ports) => expect(parsePort(text)).toEqual(ports));

  it.each([
    ['x', 'the port inside is not from 1 to 65535'],
    ['70000', 'the port inside is not from 1 to 65535'],
    ['0:80', 'the port outside is not from 1 to 65535'],
    ['80:', 'the port inside is not from 1 to 65535'],
    ['1:2:3', 'there are more than two ports'],
    ['80/', 'there is more than one protocol or none after the /'],
    ['10-12:1-2', 'the ranges outside and inside have different lengths'],
    ['12-10', 'the port inside is not from 1 to 65535'],
  ])('%s is wrong', (text, wrong) => expect(parsePort(text)).toEqual({ wrong }));
});

describe('short volumes', () => {
  const volume = { source: '', readOnly: false, nocopy: false, selinux: '', propagation: '' };
  it.each([
    ['/data', { ...volume, type: 'volume', target: '/data' }],
    ['name:/data', { ...volume, type: 'volume', source: 'name', target: '/data' }],
    ['name:/data:ro', { ...volume, type: 'volume', source: 'name', target: '/data', readOnly: true }],
    ['name:/data:nocopy', { ...volume, type: 'volume', source: 'name', target: '/data', nocopy: true }],
    ['./x:/data', { ...volume, type: 'bind', source: './x', target: '/data' }],
    ['~/x:/data', { ...volume, type: 'bind', source: '~/x', target: '/data' }],
    ['/x:/data:rw,z', { ...volume, type: 'bind', source: '/x', target: '/data', selinux: 'z' }],
    ['/x:/y:rslave', { ...volume, type: 'bind', source: '/x', target: '/y', propagation: 'rslave' }],
    ['C:\\x:/data', { ...volume, type: 'bind', source: 'C:\\x', target: '/data' }],
  ])('%s', (text, found) => expect(parseVolume(text)).toEqual(found));

  it.each([
    ['a::b', 'a part between the colons is empty'],
    ['a:b:c:d', 'there are more than three parts'],
    ['a:/b:fast', '"fast" is no mode'],
  ])('%s is wrong', (text, wrong) => expect(parseVolume(text)).toEqual({ wrong }));
});
