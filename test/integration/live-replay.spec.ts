/** `bench:live` in small: a real level under each policy in turn, driven by real requests. How late they are is the machine's affair. */
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { livePolicy } from '../bench/live/application.js';
import { replayLive } from '../bench/live/replay.js';
import { renderLive } from '../bench/live/table.js';
import { liveTrace } from '../bench/live/traces.js';

const PORT = 19_700 + (process.pid % 97);

describe('a trace replayed live', { timeout: 300_000 }, () => {
  it.each(['slo', 'hpa@0.55'])('is served under %s without a failed request, and counted', async (name) => {
    const result = await replayLive({
      trace: liveTrace('', 'smoke'),
      policy: livePolicy(name),
      startMs: 500,
      warmupS: 5,
      seed: 1,
      port: PORT,
      recording: join(tmpdir(), `m-live-${process.pid}.jsonl`),
    });
    expect(result.live).toMatchObject({ failed: 0, failures: [] });
    expect(result.live?.requests).toBeGreaterThan(1_000);
    // At the very least one instance was there all the time.
    expect(result.live?.instanceSeconds).toBeGreaterThanOrEqual(40);
    expect(result.live?.startMs).toBeGreaterThanOrEqual(500);
    expect(renderLive([result])).toContain(`| smoke | ${name} |`);
  });
});
