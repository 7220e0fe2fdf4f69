/** Subject alternative names of a leaf: who it is, and the addresses at which etcd's clients expect it. */
import { isIP } from 'node:net';
import type { JsonGeneralName } from '@peculiar/x509';

export const alternativeNames = (uri: string, hosts: readonly string[]): JsonGeneralName[] => [
  { type: 'url', value: uri },
  ...[...new Set(hosts)].map((host): JsonGeneralName => ({
    type: isIP(host) === 0 ? 'dns' : 'ip',
    value: host,
  })),
];
