import { afterEach, describe, expect, it } from 'vitest';
import { ask, at, openBench, until, type Bench } from './data-path.testing.js';

let bench: Bench;
afterEach(() => bench.close());

describe('draining', () => {
  it('sends nothing new to a draining endpoint and is busy there until the last answer', async () => {
    bench = await openBench();
    let finish: (() => void) | undefined;
    const old = await bench.target((_req, res) => {
      finish = () => void res.end('old');
    });
    const fresh = await bench.target((_req, res) => void res.end('new'));
    bench.apply({ endpoints: { web: [at('old', old.port)] } });
    const first = ask(bench.port);
    await until(() => finish !== undefined, 'a request in flight');
    bench.apply({ endpoints: { web: [at('old', old.port, 'draining'), at('new', fresh.port)] } });
    expect(bench.path.busy()).toEqual(['old']);
    for (let i = 0; i < 5; i += 1) expect((await ask(bench.port)).body).toBe('new');
    const before = bench.drained();
    finish?.();
    expect((await first).body).toBe('old');
    await until(() => bench.path.busy().length === 0, 'an empty busy set');
    expect(bench.drained()).toBe(before + 1);
  });

  it('closes the idle connections to an endpoint that drains', async () => {
    bench = await openBench();
    const old = await bench.target((_req, res) => void res.end('old'));
    let open = 0;
    old.server.on('connection', (socket) => {
      open += 1;
      socket.once('close', () => (open -= 1));
    });
    bench.apply({ endpoints: { web: [at('old', old.port)] } });
    await ask(bench.port);
    expect(open).toBe(1);
    bench.apply({ endpoints: { web: [at('old', old.port, 'draining')] } });
    await until(() => open === 0, 'closed connections');
  });

  it('is busy at an instance that vanished from the endpoints with a request in flight', async () => {
    bench = await openBench();
    let finish: (() => void) | undefined;
    const old = await bench.target((_req, res) => {
      finish = () => void res.end('old');
    });
    bench.apply({ endpoints: { web: [at('old', old.port)] } });
    const first = ask(bench.port);
    await until(() => finish !== undefined, 'a request in flight');
    bench.apply({ endpoints: { web: [] } });
    expect(bench.path.busy()).toEqual(['old']);
    finish?.();
    expect((await first).body).toBe('old');
    await until(() => bench.path.busy().length === 0, 'an empty busy set');
  });
});
