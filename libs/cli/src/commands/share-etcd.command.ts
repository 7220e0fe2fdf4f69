/**
 * `mitosis share-etcd`: levels of one root that are put on one etcd cluster (services of somebody else's tool, with the
 * same MITOSIS_ETCD) get a user and a role each that reach their own keys and no others. Idempotent. Must never leave an
 * administrator's key behind.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { levelId, levelPrefix, MitosisError } from '@mitosis/contracts';
import { ETCD_ROOT_ROLE, ETCD_ROOT_USER, etcdUser, TLS_FILES } from '@mitosis/identity';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { findProgram } from '../release.js';

const run = promisify(execFile);
const CALL_MS = 20_000;
const CERTIFICATE_MS = 10 * 60_000;

interface ShareOptions extends SharedOptions {
  readonly etcd: string;
  readonly authority?: string;
}

export const registerShareEtcd = (program: Command): void => {
  program
    .command('share-etcd')
    .argument('<levels...>', 'levels of one root, for example shop.cart shop.pay')
    .requiredOption('--etcd <urls>', 'client URLs of the cluster, comma-separated')
    .option('--authority <directory>', 'of the root level (default: $MITOSIS_HOME/authority/<root>)')
    .description('let levels share an etcd cluster: each reaches its own keys and no others')
    .action(withContext<ShareOptions>(shareEtcd));
};

type Etcdctl = (...args: readonly string[]) => Promise<void>;

const shareEtcd = async (
  context: Context,
  levels: readonly string[],
  { etcd, authority }: ShareOptions & SharedOptions,
): Promise<ExitCode> => {
  const root = rootOf(levels);
  const home =
    authority === undefined ? join(context.home, 'authority', root) : resolve(context.cwd, authority);
  const folder = mkdtempSync(join(tmpdir(), 'm-root-'));
  try {
    const { Authority, writeTlsDirectory } = await import('@mitosis/identity/authority');
    const issuer = await Authority.open(home, root);
    const name = { level: root, role: ETCD_ROOT_ROLE, id: ETCD_ROOT_USER, hosts: [], ttlMs: CERTIFICATE_MS };
    writeTlsDirectory(folder, await issuer.issue(name));
    const etcdctl = etcdctlWith(findProgram('etcdctl', context.env), etcd, folder);
    await giveRole(etcdctl, ETCD_ROOT_USER);
    for (const level of levels) await openPrefix(etcdctl, level);
    await etcdctl('auth', 'enable');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const shared = levels.map((level) => ({
    level,
    user: etcdUser(level),
    prefix: levelPrefix(levelId(level)),
  }));
  context.output.result({ shared }, () =>
    shared.map(({ level, prefix }) => `${level} reaches ${prefix} and nothing else`).join('\n'),
  );
  return 0;
};

const rootOf = (levels: readonly string[]): string => {
  const roots = new Set(levels.map((level) => level.split('.')[0] ?? ''));
  const [root = ''] = roots;
  if (roots.size === 1) return root;
  throw new MitosisError(
    'invalid_input',
    `levels of several roots (${[...roots].join(', ')}) trust different authorities: share an etcd within one root`,
  );
};

const etcdctlWith =
  (program: string, etcd: string, tls: string): Etcdctl =>
  async (...args) => {
    const how = [
      `--endpoints=${etcd}`,
      `--cacert=${join(tls, TLS_FILES.authority)}`,
      `--cert=${join(tls, TLS_FILES.certificate)}`,
      `--key=${join(tls, TLS_FILES.key)}`,
    ];
    try {
      await run(program, [...how, ...args], {
        timeout: CALL_MS,
        killSignal: 'SIGKILL',
        env: { PATH: process.env['PATH'] ?? '', ETCDCTL_API: '3' },
      });
    } catch (error) {
      const said = (error as { readonly stderr?: string }).stderr ?? String(error);
      if (said.includes('already exists')) return;
      throw new MitosisError(
        'unavailable',
        `etcdctl ${args.join(' ')} at ${etcd}: ${said.trim().slice(-500)}`,
        {
          cause: error,
        },
      );
    }
  };

const giveRole = async (etcdctl: Etcdctl, name: string): Promise<void> => {
  await etcdctl('user', 'add', name, '--no-password');
  await etcdctl('role', 'add', name);
  await etcdctl('user', 'grant-role', name, name);
};

const openPrefix = async (etcdctl: Etcdctl, level: string): Promise<void> => {
  const user = etcdUser(level);
  await giveRole(etcdctl, user);
  await etcdctl('role', 'grant-permission', user, 'readwrite', levelPrefix(levelId(level)), '--prefix=true');
};
