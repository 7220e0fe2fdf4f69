/**
 * `mitosis kill`, for trying what happens: a signal to one instance or to the replica that leads a function. Recorded as
 * a decision of people before it is done, because its target may be this very process.
 */
import {
  decisionId,
  isFunctionName,
  MitosisError,
  type health,
  type InstanceId,
  type InstanceRecord,
} from '@mitosis/contracts';
import type { LeaderSession } from '@mitosis/coordination';
import type { RunningHealth } from '../health.reconciler.js';

const LEADER = 'leader:';
/** For the answer to leave this process. */
const ANSWER_MS = 50;

export const kill = async (
  running: RunningHealth,
  session: LeaderSession,
  target: string,
  signal: string,
): Promise<health.KillReply> => {
  const { context, agents } = running;
  const record = find(running, target);
  const address = running.views.read().sites.get(record.site)?.value.agent ?? context.config.agent;
  if (address === '') throw new MitosisError('unavailable', `the agent of site ${record.site} is unknown`);
  const pid = agents.observations().get(record.site)?.statuses.get(record.id)?.pid ?? 0;
  const nowMs = context.nowMs();
  await session.commit({
    decisions: [
      {
        v: 1,
        id: decisionId(`${nowMs.toString(36).padStart(9, '0')}-kill-${record.id}`),
        function: 'health',
        atMs: nowMs,
        epoch: session.epoch,
        component: record.component,
        action: 'kill',
        change: `${signal} to ${record.id}`,
        reason: 'asked for by people',
        policy: 'command',
        inputs: { target, signal, pid },
        causes: [],
        applied: true,
      },
    ],
  });
  const strike = async (): Promise<void> => {
    const request = { level: context.level, id: record.id, signal, group: false };
    await context.peers.call('agent', address, 'signal', request);
  };
  if (record.id === context.replica) {
    // The answer first: whoever asked would ask the successor again, and kill that, too.
    context.clock.setTimer(ANSWER_MS, () => {
      strike().catch((err: unknown) => context.log.error({ err, target }, 'could not be killed'));
    });
  } else await strike();
  return { instance: record.id, pid };
};

const find = (running: RunningHealth, target: string): InstanceRecord => {
  const id = target.startsWith(LEADER) ? leaderOf(running, target.slice(LEADER.length)) : target;
  const record = running.views.read().instances.get(id)?.value;
  if (record === undefined) {
    throw new MitosisError(
      'not_found',
      `there is no instance ${JSON.stringify(id)} in ${running.context.level}`,
    );
  }
  return record;
};

const leaderOf = (running: RunningHealth, fn: string): InstanceId => {
  if (!isFunctionName(fn)) {
    throw new MitosisError('invalid_input', `there is no function ${JSON.stringify(fn)}`);
  }
  const leader = running.context.peers.leader(fn);
  if (leader === undefined) throw new MitosisError('not_found', `nobody leads ${fn} now`);
  return leader.replica;
};
