/** An agent in a container of its own, as on another host: let in by a join token, once, and by no expired one. */
import { decodeJoinToken, encodeJoinToken, TlsIdentity } from '@mitosis/identity';
import { expect } from 'vitest';
import { until } from '../level/until.js';
import { knock } from '../security/strangers.js';
import { IMAGE, type ComposeLevel } from './compose-level.js';

const HOST = '127.0.0.2';
const PORT = 7_071;
/** A lock of the machine keeps two agents of one folder apart, and these two hosts are one machine. */
const HOME = '/home/second';
const BOUND_MS = 20_000;
const HOUR_MS = 3_600_000;

const agent = (level: ComposeLevel, token: string, ...how: readonly string[]): Promise<string> => {
  const env = {
    MITOSIS_HOME: HOME,
    MITOSIS_HOST: HOST,
    MITOSIS_AGENT_LISTEN: `${HOST}:${PORT}`,
    MITOSIS_TLS: 'on',
    MITOSIS_SOCKETS: 'router',
    MITOSIS_JOIN: token,
  };
  const guards = ['--read-only', '--cap-drop', 'ALL', '--network', 'host', '--tmpfs', '/tmp'];
  const home = ['--tmpfs', `${HOME}:uid=1000,gid=1000,mode=0700`];
  const given = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const program = '/opt/mitosis/services/agent/bundle/main.mjs';
  return level.engine.must('run', '--detach', ...guards, ...home, ...given, ...how, IMAGE, program);
};

const tokenFor = async (level: ComposeLevel, ttl: string): Promise<string> =>
  (await level.must('join-token', 'shop', '--ttl', ttl)).trim();

export const expectJoin = async (level: ComposeLevel): Promise<void> => {
  const operator = new TlsIdentity(level.operator);
  const token = await tokenFor(level, '5m');
  const joined = await agent(level, token, '--name', 'joined');
  await until(
    'the agent that joined serves the people of the first host',
    async () => (await knock(PORT, operator, 'h2', '', HOST)).served || undefined,
    BOUND_MS,
    100,
  );
  expect(await knock(PORT, null, 'h2', '', HOST)).toMatchObject({ served: false });
  await level.engine.must('rm', '--force', joined);
  operator.close();
  await expectStaysOut(level, token);

  const expired = decodeJoinToken(await tokenFor(level, '1ms'));
  // Its own clock lets it ask: whoever gave the token decides.
  await expectStaysOut(level, encodeJoinToken({ ...expired, expiresAtMs: Date.now() + HOUR_MS }));
};

const expectStaysOut = async (level: ComposeLevel, token: string): Promise<void> => {
  const id = await agent(level, token);
  expect(await level.engine.must('wait', id)).not.toBe('0');
  const { stdout, stderr } = await level.engine.docker('logs', id);
  expect(stdout + stderr).toMatch(/let this one not join/u);
  await level.engine.must('rm', '--force', id);
};
