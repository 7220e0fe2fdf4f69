import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { levelId } from '@mitosis/contracts';
import { VirtualClock } from '@mitosis/coordination';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OutsideLevel } from './outside-level.js';

describe(OutsideLevel.name, () => {
  let folder: string;
  let clock: VirtualClock;
  let mistakes: string[];
  let level: OutsideLevel;

  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const open = (): OutsideLevel =>
    new OutsideLevel({
      file: join(folder, 'outside.yaml'),
      level: levelId('shop'),
      env: {},
      clock,
      nowMs: () => clock.wallMs(),
      onMistake: (message) => mistakes.push(message),
    });

  beforeEach(() => {
    folder = mkdtempSync('/tmp/m-o');
    clock = new VirtualClock();
    mistakes = [];
    write('compose.yaml', 'services: { web: { image: "my/web:1", expose: ["80"] } }');
    write('outside.yaml', 'composition: compose.yaml\nendpoints: { web: ["10.0.0.1:80"] }');
    level = open();
  });
  afterEach(() => {
    level.close();
    rmSync(folder, { recursive: true });
  });

  it('takes up a change of the file and of what it leads to, as a new generation', async () => {
    let told = 0;
    level.onChange(() => (told += 1));
    await clock.advance(5_000);
    expect([told, level.spec.generation]).toEqual([0, 1]);
    write('outside.yaml', 'composition: compose.yaml\nendpoints: { web: ["10.0.0.2:80"] }');
    await clock.advance(1_000);
    expect(level.now.endpoints['web']).toMatchObject([{ host: '10.0.0.2' }]);
    write('compose.yaml', 'services: { web: { image: "my/web:2", expose: ["80"] } }');
    await clock.advance(1_000);
    expect(level.spec.typeGraph.components['web']?.run?.image).toBe('my/web:2');
    expect([told, level.spec.generation]).toEqual([2, 3]);
  });

  it('keeps what was right when the next version is wrong, and says so once', async () => {
    write('outside.yaml', 'composition: compose.yaml\nendpoints: { wep: [] }');
    await clock.advance(5_000);
    expect(mistakes).toEqual([expect.stringMatching(/endpoints\.wep/u)]);
    expect(level.now.endpoints['web']).toMatchObject([{ host: '10.0.0.1' }]);
    rmSync(join(folder, 'outside.yaml'));
    await clock.advance(5_000);
    expect(mistakes.at(-1)).toMatch(/there is no such file/u);
    expect(level.spec.generation).toBe(1);
    write('outside.yaml', 'composition: compose.yaml');
    await clock.advance(1_000);
    expect(level.now.endpoints['web']).toEqual([]);
  });

  it('does not begin with a wrong file', () => {
    write('outside.yaml', 'composition: [');
    expect(open).toThrow(/outside\.yaml/u);
  });
});
