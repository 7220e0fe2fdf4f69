/** What every deployment of a level from separate services has in common: names, ports, replicas. Pure. */
import { FUNCTION_NAMES, SERVICES, type FunctionName } from '@mitosis/contracts';

export const REPLICAS = [1, 2] as const;
export const ETCD_MEMBERS = [1, 2, 3] as const;
export const IMAGE = '${MITOSIS_IMAGE:-mitosis:latest}';
export const ETCD_IMAGE = '${MITOSIS_ETCD_IMAGE:-quay.io/coreos/etcd:v3.5.21}';
/** Inside the image, made by deploy/docker/layout.mjs. */
export const PROGRAMS = '/opt/mitosis';
export const STATE = '/var/lib/mitosis';
/** The user `node` of the public images. */
export const USER = '1000:1000';
export const GRPC_PORT = 7100;
export const HTTP_PORT = 7200;
/** etcd answers requests above this size with an error long before its own 1.5 MiB default is a danger to memory. */
const ETCD_QUOTA_BYTES = 256 * 1024 * 1024;

/** Where a container finds its own certificate. */
export const TLS = '/tls';
/** What an etcd is told so that it serves and trusts its level's certificates alone, to clients and to its peers. */
export const ETCD_TLS: readonly string[] = ['', 'peer-'].flatMap((part) => [
  `--${part}client-cert-auth`,
  `--${part}trusted-ca-file=${TLS}/level.pem`,
  `--${part}cert-file=${TLS}/cert.pem`,
  `--${part}key-file=${TLS}/key.pem`,
]);
/** `etcdctl` with the member's own certificate. */
export const ETCDCTL: readonly string[] = [
  'etcdctl',
  `--cacert=${TLS}/level.pem`,
  `--cert=${TLS}/cert.pem`,
  `--key=${TLS}/key.pem`,
];

export const programOf = (name: string): string => `${PROGRAMS}/services/${name}/bundle/main.mjs`;

/**
 * Ten numbers a service: appended services leave the ports of the others as they are. Between the gRPC ports of the first
 * ten and those of the next lie the HTTP ports of the first ten.
 */
export const portOffset = (index: number, replica: number): number =>
  Math.floor(index / 10) * 2 * (HTTP_PORT - GRPC_PORT) + (index % 10) * 10 + replica;
const offsetOf = (name: FunctionName, replica: number): number =>
  portOffset(FUNCTION_NAMES.indexOf(name), replica);
export const grpcPort = (name: FunctionName, replica: number): number => GRPC_PORT + offsetOf(name, replica);
export const httpPort = (name: FunctionName, replica: number): number => HTTP_PORT + offsetOf(name, replica);

export const summaryOf = (name: FunctionName): string => SERVICES[name].summary;

/** What an etcd of a level needs beyond its addresses (libs/contracts/src/release.ts says why). */
export const ETCD_TUNING = [
  '--auto-compaction-mode=periodic',
  '--auto-compaction-retention=5m',
  '--snapshot-count=10000',
  `--quota-backend-bytes=${ETCD_QUOTA_BYTES}`,
  '--max-txn-ops=512',
  '--logger=zap',
  '--log-level=warn',
] as const;

export const GENERATED =
  'Generated from the one list of services (libs/contracts/src/functions.ts) by `pnpm deploy:generate`.';
