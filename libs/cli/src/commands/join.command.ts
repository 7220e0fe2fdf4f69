/**
 * `mitosis join-token` on a host of a root level, `mitosis join TOKEN` on another one: the second host gets the authority
 * over a connection that only the holder of the token's authority can answer, and starts its agent with it.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { decodeJoinToken, fetchAuthority } from '@mitosis/identity';
import type { AuthorityFiles } from '@mitosis/identity/authority';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { resolveRelease } from '../release.js';
import { startAgent } from '../session/agent-start.js';
import { boundOf } from '../session/wait.js';
import { parseDuration } from './duration.js';

interface TokenOptions extends SharedOptions {
  readonly ttl: string;
  readonly uses: string;
}

export const registerJoin = (program: Command): void => {
  program
    .command('join-token')
    .argument('[level]', 'the root level (default: the only one)')
    .option('--ttl <duration>', 'how long it is valid, at most 24h', '10m')
    .option('--uses <count>', 'how many hosts may join with it', '1')
    .description('a token with which another host joins a root level that has certificates')
    .action(withContext<TokenOptions>(joinToken));
  program
    .command('join')
    .argument('<token>', 'what `mitosis join-token` printed')
    .description(
      'make this host one of a root level; tell its address with MITOSIS_HOST and MITOSIS_AGENT_LISTEN',
    )
    .action(withContext<SharedOptions>(joinLevel));
};

const CALL_MS = 5_000;
const START_MS = 20_000;

const joinToken = async (
  context: Context,
  args: readonly string[],
  options: TokenOptions & SharedOptions,
): Promise<ExitCode> => {
  const level = (await context.host.level(args[0])).name;
  const request = { level, ttlMs: parseDuration(options.ttl), uses: Number(options.uses) };
  const reply = await context.host.rpc.unary(
    'agent',
    context.host.agentAddress,
    'joinToken',
    request,
    CALL_MS,
  );
  context.output.result({ level, ...reply }, () => reply.token);
  return 0;
};

const joinLevel = async (context: Context, args: readonly string[]): Promise<ExitCode> => {
  const token = decodeJoinToken(args[0] ?? '');
  const files = await fetchAuthority(token, context.signal);
  await equipHost(context, token.root, files);
  await restartAgent(context);
  context.output.result(
    { root: token.root, host: hostAddress(context) },
    () => `this host is one of ${token.root}`,
  );
  return 0;
};

const hostAddress = ({ env }: Context): string => env['MITOSIS_HOST'] || '127.0.0.1';

const LEAF_MS = 86_400_000;

/** Authority and first certificates, as the agent would make them; it renews them from then on. */
const equipHost = async (context: Context, root: string, files: AuthorityFiles): Promise<void> => {
  const { Authority, writeAuthority, writeTlsDirectory } = await import('@mitosis/identity/authority');
  const directory = join(context.home, 'authority', root);
  writeAuthority(directory, files);
  const authority = await Authority.open(directory, root);
  const id = hostname().replaceAll(/[^A-Za-z0-9.-]/gu, '-') || 'host';
  const hosts = [hostAddress(context), 'localhost', '127.0.0.1'];
  for (const role of ['agent', 'operator'])
    writeTlsDirectory(
      join(context.home, 'tls', root, role),
      await authority.issue({ level: root, role, id, hosts, ttlMs: LEAF_MS }),
    );
};

/** An agent that runs opens its port for other hosts only at its start; what it runs goes on meanwhile. */
const restartAgent = async (context: Context): Promise<void> => {
  const { host } = context;
  if (await host.agentAnswers())
    await host.rpc.unary('agent', host.agentAddress, 'shutdown', { force: true }, CALL_MS);
  await startAgent(host, resolveRelease(context.env), boundOf(START_MS, context.signal));
};
