/**
 * Root levels that are not born on this host: those somebody else's tool runs (`MITOSIS_ROOTS`), and the one a join token
 * leads to (`MITOSIS_JOIN`, for an agent in a container of its own). Must never replace an authority that is here.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJoinToken, fetchAuthority } from '@mitosis/identity';
import type { Log } from '../adapters/log.js';
import type { AgentConfig } from '../agent.config.js';
import { authorityDirectory, type HostIdentity } from './host-identity.js';

/** Answers of the host that gave the token are bounded each; this bounds them together. */
const JOIN_MS = 15_000;

/** Throws MitosisError: the host joins nothing by half. */
export const enterRoots = async (
  { home, roots, joinToken }: Pick<AgentConfig, 'home' | 'roots' | 'joinToken'>,
  identity: HostIdentity,
  log: Log,
): Promise<void> => {
  const joined = joinToken === '' ? [] : [await joinOnce(home, joinToken, log)];
  for (const root of new Set([...roots, ...joined])) await identity.ensureHostLeaves(root);
};

/** A container is started again with the token of its first start: what it led to is here then. */
const joinOnce = async (home: string, text: string, log: Log): Promise<string> => {
  const token = decodeJoinToken(text);
  const directory = authorityDirectory(home, token.root);
  if (existsSync(join(directory, 'ca.pem'))) return token.root;
  const files = await fetchAuthority(token, AbortSignal.timeout(JOIN_MS));
  const { writeAuthority } = await import('@mitosis/identity/authority');
  writeAuthority(directory, files);
  log.info({ root: token.root, from: token.address }, 'this host has joined');
  return token.root;
};
