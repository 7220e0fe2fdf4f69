/**
 * How an etcd member is run behind mutual TLS. The management's description says `http`, so that one description serves
 * both; the agent, who makes the certificates, turns it. Pure.
 */
import { MANAGEMENT_COMPONENTS } from '@mitosis/contracts';
import type { InstanceState } from '../state/records.js';

/** Roles in certificates (libs/identity, peer-name.ts) of the management's components. */
const ROLES: Readonly<Record<string, string>> = {
  [MANAGEMENT_COMPONENTS.etcd]: 'etcd',
  [MANAGEMENT_COMPONENTS.manager]: 'manager',
  [MANAGEMENT_COMPONENTS.router]: 'router',
};

/** Role in the certificate of an instance; undefined: it gets none. An instance's birth decided, and it stays so. */
export const certifiedRole = ({ spec, etcd, initialCluster }: InstanceState): string | undefined => {
  if (spec.class !== 'management') return undefined;
  const isEtcd = spec.component === MANAGEMENT_COMPONENTS.etcd;
  const told = spec.env['MITOSIS_ETCD'] ?? '';
  // A member that joins later has the cluster in its command.
  const cluster = [initialCluster, ...spec.command.filter((word) => word.startsWith('--initial-cluster='))];
  const secure = isEtcd
    ? cluster.some((members) => members.includes('=https://'))
    : (told === '{{etcd}}' ? etcd : told).startsWith('https://');
  // An added service is its own role.
  return secure ? (ROLES[spec.component] ?? spec.component.replace(/^mitosis-/u, '')) : undefined;
};

const URL_FLAG =
  /^--(?:listen-client-urls|advertise-client-urls|listen-peer-urls|initial-advertise-peer-urls)=/u;

/** Its own certificate for both its ports, and clients and peers only with one of the level's intermediate. */
export const secureEtcdCommand = (command: readonly string[], tlsDir: string): readonly string[] => [
  ...command.map((word) => (URL_FLAG.test(word) ? word.replaceAll('http://', 'https://') : word)),
  ...['', 'peer-'].flatMap((port) => [
    `--${port}client-cert-auth`,
    `--${port}trusted-ca-file=${tlsDir}/level.pem`,
    `--${port}cert-file=${tlsDir}/cert.pem`,
    `--${port}key-file=${tlsDir}/key.pem`,
  ]),
];
