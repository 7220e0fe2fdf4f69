/** `mitosis snapshot`: a copy of a level's store, taken from one of its etcd members while everything goes on. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MANAGEMENT_COMPONENTS, MitosisError } from '@mitosis/contracts';
import { TLS_FILES } from '@mitosis/identity';
import type { Command } from 'commander';
import { withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import { findProgram } from '../release.js';
import { selectLevel } from '../session/select-level.js';

interface SnapshotOptions extends SharedOptions {
  readonly output?: string;
}

export const registerSnapshot = (program: Command): void => {
  program
    .command('snapshot')
    .argument('[level]', 'default: the only root level')
    .option('-p, --project-name <level>', 'the level meant')
    .option('-o, --output <file>', 'where to (default: <level>-<time>.snapshot here)')
    .description('copy the store of a level into a file')
    .action(withContext<SnapshotOptions>(snapshot));
};

const SNAPSHOT_MS = 60_000;

const snapshot = async (
  context: Context,
  args: readonly string[],
  options: SnapshotOptions,
): Promise<ExitCode> => {
  const info = selectLevel(await context.host.levels(), args[0] ?? options.projectName);
  const member = info.management.find(
    (one) => one.component === MANAGEMENT_COMPONENTS.etcd && one.state === 'running',
  );
  const port = member?.ports['client'];
  if (member === undefined || port === undefined)
    throw new MitosisError('unavailable', `${info.level}: no etcd member runs on this host`);
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const file = resolve(context.cwd, options.output ?? `${info.level}-${stamp}.snapshot`);
  const etcdctl = findProgram('etcdctl', context.env);
  const flags = endpointFlags(`${member.host}:${port}`, memberTls(context.home, info.level, member.id));
  await runTool(etcdctl, [...flags, 'snapshot', 'save', file], context);
  context.output.result({ level: info.level, member: member.id, file }, () => `${info.level}: ${file}`);
  return 0;
};

/** The member's own certificate: its etcd accepts those of its level alone. Undefined: it has none. */
const memberTls = (home: string, level: string, id: string): string | undefined => {
  const directory = join(home, 'levels', level, 'instances', id, 'tls');
  return existsSync(join(directory, TLS_FILES.certificate)) ? directory : undefined;
};

const endpointFlags = (address: string, tls: string | undefined): readonly string[] =>
  tls === undefined
    ? [`--endpoints=http://${address}`]
    : [
        `--endpoints=https://${address}`,
        `--cacert=${join(tls, TLS_FILES.authority)}`,
        `--cert=${join(tls, TLS_FILES.certificate)}`,
        `--key=${join(tls, TLS_FILES.key)}`,
      ];

const runTool = (tool: string, args: readonly string[], context: Context): Promise<void> =>
  new Promise((done, failed) => {
    const child = spawn(tool, [...args], {
      env: { ...context.env, ETCDCTL_API: '3' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: SNAPSHOT_MS,
      signal: context.signal,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('error', failed);
    child.on('close', (code) => {
      if (code === 0) done();
      else failed(new MitosisError('internal', `etcdctl ended with ${code}: ${said.trim()}`));
    });
  });
