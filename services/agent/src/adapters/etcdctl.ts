/** etcd's own tool, for snapshots and for what is made of them. Bounded; leaves nothing running. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TLS_FILES } from '@mitosis/identity';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;
const VERSION_MS = 10_000;

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

/** One member, and how it is asked. */
export interface EtcdAsk {
  readonly etcdctl: string;
  /** As `endpointFlags` made them. */
  readonly endpoint: readonly string[];
  readonly home: string;
}

export interface EtcdStatus {
  readonly sizeBytes: number;
  readonly inUseBytes: number;
  readonly revision: number;
  /** The NOSPACE alarm is on, at whichever member. */
  readonly full: boolean;
}

const ask = async ({ etcdctl, endpoint, home }: EtcdAsk, ...args: readonly string[]): Promise<string> =>
  (await run(etcdctl, [...endpoint, ...args], options(home))).stdout;

export const readStatus = async (one: EtcdAsk): Promise<EtcdStatus> => {
  const [status] = JSON.parse(await ask(one, 'endpoint', 'status', '--write-out=json')) as readonly {
    readonly Status: {
      readonly dbSize: number;
      readonly dbSizeInUse?: number;
      readonly header: { readonly revision: number };
    };
  }[];
  if (status === undefined) throw new Error('etcd told nothing of itself');
  const { dbSize, dbSizeInUse, header } = status.Status;
  const alarms = await ask(one, 'alarm', 'list');
  return {
    sizeBytes: dbSize,
    inUseBytes: dbSizeInUse ?? dbSize,
    revision: header.revision,
    full: alarms.includes('alarm:NOSPACE'),
  };
};

/** Everything before `revision` is forgotten; nothing happens when it was already. */
export const compactHistory = async (one: EtcdAsk, revision: number): Promise<void> => {
  try {
    await ask(one, 'compact', '--physical', String(revision));
  } catch (error) {
    if (!String(error).includes('has been compacted')) throw error;
  }
};

/** Throws unless every member of the cluster answers and has a leader. */
export const assertClusterWhole = async (one: EtcdAsk): Promise<void> => {
  await ask(one, 'endpoint', 'health', '--cluster');
};

/** What an etcd program says it is, such as `3.4.23`. Throws when it is none. */
export const etcdVersionOf = async (program: string): Promise<string> => {
  const { stdout } = await run(program, ['--version'], { timeout: VERSION_MS, killSignal: 'SIGKILL' });
  const [, version] = /^etcd Version: (\S+)/mu.exec(stdout) ?? [];
  if (version === undefined) throw new Error('it does not say which etcd it is');
  return version;
};

export const defragment = async (one: EtcdAsk): Promise<void> => {
  await ask(one, 'defrag');
};

/** etcdctl ends all alarms there are: nothing is done while there is another one. */
export const endNoSpaceAlarm = async (one: EtcdAsk): Promise<void> => {
  const others = (await ask(one, 'alarm', 'list'))
    .split('\n')
    .filter((line) => /alarm:(?!NOSPACE)/u.test(line));
  if (others.length > 0) throw new Error(`etcd has another alarm: ${others.join(', ')}`);
  await ask(one, 'alarm', 'disarm');
};
