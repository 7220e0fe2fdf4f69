/** etcd's own tool, for snapshots and for what is made of them. Bounded; leaves nothing running. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TLS_FILES } from '@mitosis/identity';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

/** Beside the given etcd, or on the path; undefined: there is none. */
export const findEtcdctl = (etcd: string): string | undefined =>
  [dirname(etcd), ...(process.env['PATH'] ?? '').split(delimiter)]
    .map((directory) => join(directory, 'etcdctl'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

/** Where a member is asked, and with which certificate. */
export const endpointFlags = (address: string, tlsDir: string | undefined): readonly string[] =>
  tlsDir === undefined
    ? [`--endpoints=http://${address}`]
    : [
        `--endpoints=https://${address}`,
        `--cacert=${join(tlsDir, TLS_FILES.authority)}`,
        `--cert=${join(tlsDir, TLS_FILES.certificate)}`,
        `--key=${join(tlsDir, TLS_FILES.key)}`,
      ];

const options = (home: string) => ({
  timeout: TIMEOUT_MS,
  killSignal: 'SIGKILL' as const,
  env: { PATH: process.env['PATH'] ?? '', ETCDCTL_API: '3', MITOSIS_TASK: home },
});

export const saveSnapshot = async (
  etcdctl: string,
  endpoint: readonly string[],
  file: string,
  home: string,
): Promise<void> => {
  await run(etcdctl, [...endpoint, 'snapshot', 'save', file], options(home));
};

export interface RestoreTarget {
  readonly file: string;
  readonly dataDir: string;
  readonly name: string;
  readonly initialCluster: string;
  readonly token: string;
  readonly peerUrl: string;
}

export const restoreSnapshot = async (
  etcdctl: string,
  target: RestoreTarget,
  home: string,
): Promise<void> => {
  await run(
    etcdctl,
    [
      'snapshot',
      'restore',
      target.file,
      `--data-dir=${target.dataDir}`,
      `--name=${target.name}`,
      `--initial-cluster=${target.initialCluster}`,
      `--initial-cluster-token=${target.token}`,
      `--initial-advertise-peer-urls=${target.peerUrl}`,
    ],
    options(home),
  );
};
