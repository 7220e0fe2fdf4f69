/** Everybody who is not of the level, at every port of the compose level: refused, with one line of whoever refused. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TlsIdentity, type PeerName } from '@mitosis/identity';
import { expect } from 'vitest';
import { until } from '../level/until.js';
import { Certificates, knock } from '../security/strangers.js';
import type { ComposeLevel } from './compose-level.js';

interface Door {
  readonly service: string;
  readonly edge: string;
  readonly port: number;
  readonly protocol: 'h2' | 'http/1.1';
  readonly path: string;
  /** Who is let in there. */
  readonly right: PeerName;
}

const LINE_MS = 20_000;
const AT_ONCE = 4;

type Reasons = Readonly<Record<string, RegExp>>;
const OURS: Reasons = {
  'without a certificate': /it showed no certificate/u,
  'with an expired certificate': /its certificate has expired/u,
  'of another level': /its certificate names mitosis:\/\/shop\.other\//u,
  'of another authority': /unknown authority|wrong signature/u,
};
const ETCDS: Reasons = {
  'without a certificate': /didn't provide a certificate/u,
  'with an expired certificate': /certificate has expired/u,
  'of another level': /unknown authority/u,
  'of another authority': /unknown authority/u,
};
const reasonsOf = ({ edge }: Door): Reasons => (edge === 'etcd' ? ETCDS : OURS);

const doorsOf = (level: ComposeLevel): readonly Door[] => {
  const port = (name: string, variable: string): number => Number(level.environment(name)[variable]);
  const replicas = level.services.filter((name) => port(name, 'MITOSIS_HTTP_PORT') > 0);
  const of = (service: string) => ({
    service,
    path: '/healthz',
    right: { level: 'shop', role: service.replace(/-\d+$/u, ''), id: service },
  });
  const etcd = (member: string) => ({ ...of(member), edge: 'etcd', protocol: 'http/1.1' as const });
  const members = level.services.filter((name) => name.startsWith('etcd-'));
  return [
    ...replicas.map((name) => ({
      ...of(name),
      edge: 'grpc',
      protocol: 'h2' as const,
      port: port(name, 'MITOSIS_GRPC_PORT'),
    })),
    ...replicas.map((name) => ({
      ...of(name),
      edge: 'http',
      protocol: 'http/1.1' as const,
      port: port(name, 'MITOSIS_HTTP_PORT'),
    })),
    ...members.map((name, at) => ({ ...etcd(name), port: 23_791 + at, path: '/health' })),
    ...members.map((name, at) => ({ ...etcd(name), port: 23_891 + at, path: '/members' })),
    { ...of('agent'), edge: 'agent', protocol: 'h2', port: 7_070 },
  ];
};

export const expectStrangersRefused = async (level: ComposeLevel): Promise<void> => {
  const folder = mkdtempSync('/tmp/m-s');
  try {
    // A copy: what is issued here must not lie among the level's own files.
    cpSync(join(level.state, 'authority/shop'), join(folder, 'authority'), { recursive: true });
    const certificates = await Certificates.in(folder);
    const doors = doorsOf(level);
    expect(doors.length).toBe(2 * 12 + 2 * 3 + 1);
    const said = new Map(
      await Promise.all(
        level.services.map(async (name) => [name, (await linesOf(level, name)).length] as const),
      ),
    );
    const refused: (readonly string[])[] = [];
    // A few at a time: a crowd would find a busy machine too slow to answer.
    for (let at = 0; at < doors.length; at += AT_ONCE)
      refused.push(
        ...(await Promise.all(
          doors.slice(at, at + AT_ONCE).map((door) => knockAsEverybody(door, certificates)),
        )),
      );
    for (const service of new Set(doors.map((door) => door.service))) {
      const here = doors.flatMap((door, at) =>
        door.service === service ? (refused[at] ?? []).map((who) => ({ door, who })) : [],
      );
      const lines = await until(
        `${service}: a line about each stranger`,
        async () => {
          const all = (await linesOf(level, service)).slice(said.get(service));
          return all.length >= here.length ? all : undefined;
        },
        LINE_MS,
        200,
      );
      expect(lines, `${service}: one line each`).toHaveLength(here.length);
      for (const { door, who } of here) {
        const ofDoor = lines.filter((line) => door.edge === 'etcd' || line.includes(`"edge":"${door.edge}"`));
        expect(ofDoor.join('\n'), `${service} ${door.edge} ${who}`).toMatch(reasonsOf(door)[who] ?? /never/u);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Who was to be refused there, and was. */
const knockAsEverybody = async (door: Door, certificates: Certificates): Promise<readonly string[]> => {
  const { service, edge, port, protocol, path, right } = door;
  const own = new TlsIdentity(await certificates.issue(right));
  expect(await knock(port, own, protocol, path), `${service} ${edge}`).toMatchObject({ served: true });
  own.close();
  const refused: string[] = [];
  for (const { who, identity } of await certificates.strangers(right)) {
    // The agent of a root serves every level in it: what a call is about is judged with the call.
    const served = edge === 'agent' && who === 'of another level';
    const answer = await knock(port, identity, protocol, path);
    expect(answer, `${service} ${edge} ${who}`).toMatchObject({ served });
    if (!served) refused.push(who);
    identity?.close();
  }
  return refused;
};

/** Lines of refusal by service, each log read once. */
const linesOf = async (level: ComposeLevel, service: string): Promise<readonly string[]> =>
  (await level.containerLog(service))
    .split('\n')
    .filter((line) => line.includes('rejected connection') || line.includes('a client was refused'));
