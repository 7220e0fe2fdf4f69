/** Broken compositions through the command line: exit code 2, and an error that names file, line, problem and remedy. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Host } from '../level/host.js';

interface Broken {
  readonly what: string;
  readonly text: string;
  /** Line the error must point at. */
  readonly line: number;
  /** What the message must say, whatever its wording. */
  readonly says: readonly RegExp[];
}

const BROKEN: readonly Broken[] = [
  {
    what: 'a dependency that does not exist',
    text: 'services:\n  web:\n    command: ["a"]\n    depends_on: [databse]\n  database:\n    command: ["b"]\n',
    line: 4,
    says: [/databse/, /database/],
  },
  {
    what: 'a circle of dependencies',
    text: 'services:\n  a:\n    command: ["a"]\n    depends_on: [b]\n  b:\n    command: ["b"]\n    depends_on: [a]\n',
    line: 7,
    says: [/a.*b|b.*a/],
  },
  {
    what: 'a duration without a unit that exists',
    text: 'services:\n  web:\n    command: ["a"]\n    stop_grace_period: 10 parsecs\n',
    line: 4,
    says: [/10 parsecs/, /10s|1m30s|duration/],
  },
  {
    what: 'YAML that does not parse',
    text: 'services:\n  web:\n    command: ["a"\n    ports: [80]\n',
    line: 4,
    says: [/./],
  },
  {
    what: 'a minimum above the maximum',
    text: 'services:\n  web:\n    command: ["a"]\n    x-mitosis:\n      scale: { min: 5, max: 2 }\n',
    line: 5,
    says: [/5/, /2/],
  },
  {
    what: 'an alternative that names no component',
    text:
      'services:\n  web:\n    command: ["a"]\n  pay:\n    x-mitosis:\n      alternatives:\n' +
      '        - { name: own, component: payment }\n',
    line: 7,
    says: [/payment/],
  },
  {
    what: 'a misspelt key',
    text: 'services:\n  web:\n    comand: ["a"]\n',
    line: 3,
    says: [/comand/, /command/],
  },
  {
    what: 'a variable that must be set',
    text: 'services:\n  web:\n    command: ["a"]\n    environment:\n      KEY: ${PAY_KEY:?set it to your key}\n',
    line: 5,
    says: [/PAY_KEY/, /set it to your key/],
  },
  {
    what: 'an included file that is not there',
    text: 'include:\n  - ./nowhere.yaml\nservices:\n  web:\n    command: ["a"]\n',
    line: 2,
    says: [/nowhere\.yaml/],
  },
  {
    what: 'an objective that is no duration',
    text: 'x-mitosis:\n  objective: { p95: fast }\nservices:\n  web:\n    command: ["a"]\n',
    line: 2,
    says: [/fast/],
  },
  {
    what: 'one published port twice',
    text:
      'services:\n  a:\n    command: ["a"]\n    ports: ["8080:80"]\n' +
      '  b:\n    command: ["b"]\n    ports: ["8080:80"]\n',
    line: 7,
    says: [/8080/],
  },
  {
    what: 'an entry that is no component',
    text: 'x-mitosis: { entry: wbe }\nservices:\n  web:\n    command: ["a"]\n',
    line: 1,
    says: [/wbe/, /web/],
  },
];

describe('mitosis validate', () => {
  const host = new Host();
  const folder = mkdtempSync('/tmp/m-broken-');
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    rmSync(host.home, { recursive: true, force: true });
  });

  it.each(BROKEN.map((broken) => [broken.what, broken] as const))('refuses %s', async (_what, broken) => {
    const file = join(folder, 'compose.yaml');
    writeFileSync(file, broken.text);
    const validated = await host.mitosis('validate', file);
    const said = validated.stderr + validated.stdout;
    expect(validated.code, said).toBe(2);
    expect(said).toMatch(new RegExp(`compose\\.yaml:${broken.line}:\\d+`));
    for (const pattern of broken.says) expect(said).toMatch(pattern);
  });
});
