/**
 * Partitions by packet filter rules in a network namespace of our own. Must never touch the machine's own rules: the
 * program that uses this is started inside the namespace (see `inOwnNetwork`).
 */
import { execFileSync, spawnSync } from 'node:child_process';

const MARK = 'MITOSIS_CHAOS_NETWORK';

export const hasOwnNetwork = (): boolean => process.env[MARK] === 'own';

/** Words that start a command in a network namespace of its own; undefined where that is not allowed. */
export const inOwnNetwork = (): readonly string[] | undefined => {
  const prefix = ['unshare', '-n', 'sh', '-c', `ip link set lo up && ${MARK}=own exec "$0" "$@"`];
  const [program = '', ...args] = prefix;
  const tried = spawnSync(program, [...args, 'iptables', '-S'], { stdio: 'ignore', timeout: 10_000 });
  return tried.status === 0 ? prefix : undefined;
};

export type Rule = readonly string[];

/** Packets to and from this port of the machine are lost. */
export const toPort = (port: number): readonly Rule[] => [
  ['-p', 'tcp', '--dport', String(port)],
  ['-p', 'tcp', '--sport', String(port)],
];

/** Local ports of a process's connections to one of these ports. */
export const connectionsOf = (pid: number, remotePorts: readonly number[]): readonly number[] =>
  execFileSync('ss', ['-Htnp', 'state', 'established'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(`pid=${pid},`))
    .flatMap((line) => {
      const [, , local = '', remote = ''] = line.trim().split(/\s+/);
      return remotePorts.includes(portOf(remote)) ? [portOf(local)] : [];
    });

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** Loses what the rules match until the returned function is called. */
export const drop = (rules: readonly Rule[]): (() => void) => {
  if (!hasOwnNetwork()) throw new Error('packet filter rules only in a network namespace of our own');
  for (const rule of rules) iptables('-A', rule);
  return () => {
    for (const rule of rules) iptables('-D', rule);
  };
};

const iptables = (verb: '-A' | '-D', rule: Rule): void => {
  execFileSync('iptables', ['-w', verb, 'INPUT', ...rule, '-j', 'DROP']);
};
