/**
 * What a host runs besides its levels' services: its agent and its etcd members, replaced by those of this installation
 * where they are others. What they serve goes on. Must never touch a host whose agent somebody else's tool keeps.
 */
import { programHash, replaceAgent } from '@mitosis/actuators';
import type { Release } from '@mitosis/contracts';
import type { HostSession } from '../session/host.js';
import { withDescendants } from '../session/select-level.js';
import { leftMs, type Bound } from '../session/wait.js';

const REPLACE_MS = 15_000;
const HELLO_MS = 5_000;
/** Three members, one after the other, each with its way back. */
const ETCD_MS = 120_000;

/** True when another agent runs now. Throws MitosisError. */
export const upgradeAgent = async (host: HostSession, release: Release, bound: Bound): Promise<boolean> => {
  if (host.isDeployed) return false;
  const { program } = await host.rpc.unary('agent', host.agentAddress, 'hello', {}, HELLO_MS);
  if (program === programHash(release.agent)) return false;
  await replaceAgent({
    home: host.home,
    release,
    timeoutMs: Math.min(REPLACE_MS, leftMs(bound)),
    ...(bound.signal === undefined ? {} : { signal: bound.signal }),
  });
  return true;
};

/** Members of the root and of all levels below it on this host; ids of those restarted. Throws MitosisError. */
export const upgradeEtcd = async (
  host: HostSession,
  root: string,
  release: Release,
  milestone: (text: string) => void = () => undefined,
): Promise<readonly string[]> => {
  if (host.isDeployed) return [];
  const all: string[] = [];
  for (const { level } of withDescendants(await host.levels(), root)) {
    const request = { level, program: release.etcd };
    const { restarted } = await host.rpc.unary('agent', host.agentAddress, 'upgradeEtcd', request, ETCD_MS);
    if (restarted.length > 0) milestone(`etcd of ${level} restarted: ${restarted.join(', ')}`);
    all.push(...restarted);
  }
  return all;
};
