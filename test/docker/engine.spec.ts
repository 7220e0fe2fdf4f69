/** The tests' own engine: comes up, runs a container of the base image, survives a kill, leaves nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { describeWithEngine, Engine } from './engine.js';

describeWithEngine('an engine of the tests', () => {
  it('runs containers, comes back after its death, and leaves nothing behind', async () => {
    const before = Object.keys(networkInterfaces());
    const engine = await Engine.start();
    try {
      const image = await engine.importBase({ names: ['demo:1'] });
      const said = await engine.must('run', '--rm', '--network', 'none', image, 'node', '-p', '6*7');
      expect(said).toBe('42');
      await engine.must('network', 'create', '--subnet', '10.213.77.0/29', 'net');
      const id = await engine.must('run', '--detach', '--init', '--network', 'net', 'demo:1', 'sleep', '600');
      await engine.killHost();
      await engine.up();
      expect(await engine.must('inspect', '--format', '{{.State.Running}}', id)).toBe('false');
      expect(await engine.containers()).toEqual([id]);
    } finally {
      await engine.stop();
    }
    expect(existsSync(engine.folder)).toBe(false);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(engine.folder);
    expect(Object.keys(networkInterfaces()).filter((name) => !before.includes(name))).toEqual([]);
  });
});
