/**
 * `mitosis certificates`: writes the TLS directories of processes that are started by hand or by somebody else's tool
 * (docker-compose, Kubernetes); what an agent starts gets its own from the agent.
 */
import { join, resolve } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import { parsePeerUri, type PeerName } from '@mitosis/identity';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { parseDuration } from './duration.js';

interface CertificatesOptions extends SharedOptions {
  readonly out: string;
  readonly host: readonly string[];
  readonly authority?: string;
  readonly ttl: string;
}

export const registerCertificates = (program: Command): void => {
  program
    .command('certificates')
    .argument(
      '<names...>',
      'who they are for: <level>/<role>/<id>, for example shop/router/r-1 or shop/etcd/etcd-1',
    )
    .option('-o, --out <directory>', 'each name gets a directory of its id there', 'tls')
    .option(
      '--host <name...>',
      'further addresses and DNS names (the id, localhost and 127.0.0.1 are in)',
      [],
    )
    .option('--authority <directory>', 'of the root level (default: $MITOSIS_HOME/authority/<root>)')
    .option('--ttl <duration>', 'how long they are valid', '2160h')
    .description('issue certificates for processes that no agent starts')
    .action(withContext<CertificatesOptions>(certificates));
};

/** `<level>/<role>/<id>`. Throws MitosisError `invalid_input`. */
export const parseName = (text: string): PeerName => {
  const name = parsePeerUri(`mitosis://${text}`);
  if (name === undefined)
    throw new MitosisError(
      'invalid_input',
      `${text} is no name: expected <level>/<role>/<id>, e.g. shop/router/r-1`,
    );
  return name;
};

const rootOf = (level: string): string => level.split('.')[0] ?? level;

const certificates = async (
  context: Context,
  args: readonly string[],
  { out, host, authority, ttl }: CertificatesOptions & SharedOptions,
): Promise<ExitCode> => {
  const names = args.map(parseName);
  const ttlMs = parseDuration(ttl);
  // Loaded here: no other command needs the X.509 library.
  const { Authority, writeTlsDirectory } = await import('@mitosis/identity/authority');
  const written: string[] = [];
  for (const name of names) {
    const root = rootOf(name.level);
    const home =
      authority === undefined ? join(context.home, 'authority', root) : resolve(context.cwd, authority);
    const issuer = await Authority.open(home, root);
    const hosts = [name.id, 'localhost', '127.0.0.1', ...host];
    const directory = resolve(context.cwd, out, name.id);
    writeTlsDirectory(directory, await issuer.issue({ ...name, hosts, ttlMs }));
    written.push(directory);
  }
  context.output.result({ written }, () => written.join('\n'));
  return 0;
};
