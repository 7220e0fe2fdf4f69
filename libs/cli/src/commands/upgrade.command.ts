/**
 * `mitosis upgrade`: what this host runs besides its levels' services, its agent and its etcd members, replaced by those
 * of this installation. `up` does it on its own host; every other host of a level is told by this.
 */
import type { Command } from 'commander';
import { upgradeAgent, upgradeEtcd } from '../bring-up/upgrade-host.js';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { resolveRelease } from '../release.js';
import { boundOf } from '../session/wait.js';

const UPGRADE_MS = 60_000;

export const registerUpgrade = (program: Command): void => {
  program
    .command('upgrade')
    .description("replace this host's agent and etcd members by this installation's; what runs goes on")
    .action(withContext<SharedOptions>(upgrade));
};

const upgrade = async (context: Context): Promise<ExitCode> => {
  const { host, env, output, signal } = context;
  const release = resolveRelease(env);
  const roots = (await host.levels()).filter(({ parent }) => parent === '').map(({ level }) => level);
  const agent = await upgradeAgent(host, release, boundOf(UPGRADE_MS, signal));
  const etcd: string[] = [];
  for (const root of roots) etcd.push(...(await upgradeEtcd(host, root, release)));
  output.result({ agent, etcd }, () =>
    [
      agent ? 'the agent was replaced' : 'the agent was of this installation',
      etcd.length > 0 ? `etcd restarted: ${etcd.join(', ')}` : 'etcd was of this installation',
    ].join('\n'),
  );
  return 0;
};
