import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeDown } from '../bring-up/take-down.js';
import { FakeAgent, FakeManager, levelInfo, refusal, type FakeState } from '../testing/fake-level.testing.js';
import { decision, emptyGraph, leader } from '../testing/records.testing.js';
import { HostSession } from './host.js';
import { observeLevel } from './observe.js';
import { boundOf } from './wait.js';

describe('a session of the command line', () => {
  let agent: FakeAgent;
  let host: HostSession;
  let first: FakeManager;
  let second: FakeManager;
  let state: FakeState;

  beforeEach(async () => {
    state = {
      leaders: [],
      composite: { level: 'shop', state: 'healthy', reason: '', components: [], ready: true },
      graph: emptyGraph('shop'),
      typeGraph: undefined,
      decisions: [],
      disposals: [{ done: true, remaining: 0 }],
      calls: [],
    };
    agent = await new FakeAgent().start();
    first = await new FakeManager('first', state).start();
    second = await new FakeManager('second', state).start();
    agent.levels = [levelInfo('shop', '', [first, second])];
    state.leaders = [leader('composer', first.address), leader('health', first.address)];
    host = new HostSession(agent.home);
  });
  afterEach(() => {
    host.close();
    first.stop();
    second.stop();
    agent.stop();
  });

  const callsTo = (method: string): readonly string[] =>
    state.calls.filter((call) => call.method === method).map((call) => call.manager);

  it('says how to start something where no agent ever ran', async () => {
    const nowhere = new HostSession('/tmp/m-nowhere');
    await expect(nowhere.levels()).rejects.toThrow(/mitosis up/);
    nowhere.close();
  });

  it('asks the second manager when the first is gone', async () => {
    first.stop();
    const level = await host.level(undefined);
    expect((await level.directory()).leaders).toHaveLength(2);
  });

  it('goes to the leader that a deposed one names', async () => {
    first.intercept = (method) =>
      method === 'override' ? refusal(status.FAILED_PRECONDITION, 'not_leader', second.address) : undefined;
    const level = await host.level('shop');
    await level.override({ component: 'web', count: 3, expiresInMs: 0, reason: 'by hand' });
    expect(callsTo('override')).toEqual(['first', 'second']);
  });

  it('waits for the next leader while there is none', async () => {
    const level = await host.level('shop');
    const led = state.leaders;
    state.leaders = [];
    let asked = 0;
    second.intercept = first.intercept = (method) => {
      asked += method === 'directory' ? 1 : 0;
      if (asked === 2) state.leaders = led;
      return undefined;
    };
    expect((await level.composite()).ready).toBe(true);
    expect(asked).toBeGreaterThanOrEqual(2);
  });

  it('does not try again what the leader refuses for good', async () => {
    first.intercept = (method) => (method === 'apply' ? refusal(status.ABORTED, 'conflict') : undefined);
    const level = await host.level('shop');
    await expect(level.apply({ level: 'shop' } as never, 3)).rejects.toMatchObject({ code: 'conflict' });
    expect(callsTo('apply')).toHaveLength(1);
  });

  it('reads decisions from whichever replica answers', async () => {
    state.decisions = [decision('d1', { component: 'web' }), decision('d2', { component: 'api' })];
    const level = await host.level('shop');
    expect((await level.decisions({ limit: 10 })).map((record) => record.id)).toEqual(['d1', 'd2']);
  });

  it('shows what is known and names what is not', async () => {
    state.leaders = [leader('composer', first.address)];
    const view = await observeLevel(host, agent.levels[0]!);
    expect(view.composite).toBeNull();
    expect(view.generation).toBe(0);
    expect(view.unknown.join('\n')).toMatch(/health: .*no leader/);
  });

  const quiet = { progress: () => undefined, milestone: () => undefined };

  it('takes a level down in order and then has the agent forget it', async () => {
    state.disposals = [
      { done: false, remaining: 4 },
      { done: true, remaining: 0 },
    ];
    const taken = await takeDown(host, 'shop', { force: false, volumes: false }, boundOf(5_000), quiet);
    expect(taken).toMatchObject({ orderly: true, reason: '' });
    expect(callsTo('dispose')).toHaveLength(2);
    expect(agent.purged).toEqual(['shop']);
  });

  it('takes a level down by force when its management is dead, and says so', async () => {
    first.stop();
    second.stop();
    const taken = await takeDown(host, 'shop', { force: false, volumes: false }, boundOf(1_000), quiet);
    expect(taken.orderly).toBe(false);
    expect(taken.reason).toMatch(/managers answers/);
    expect(agent.purged).toEqual(['shop']);
  });
});
