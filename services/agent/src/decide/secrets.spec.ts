import { agent } from '@mitosis/contracts';
import { Sealer } from '@mitosis/identity';
import { describe, expect, it } from 'vitest';
import { hasSecretFiles, openEnvironment, secretFiles, withSecretFiles } from './secrets.js';

const sealer = new Sealer(Buffer.alloc(32, 1).toString('base64'), 'shop');
const open = (name: string, sealed: string): string => sealer.open(name, sealed);
const container = {
  secrets: [{ source: 'db', target: '/etc/db-password' }],
  definitions: { secrets: { db: { sealed: sealer.seal('file/db', 's3cret') } } },
};

describe('the secrets of an instance', () => {
  it('reach a process as files, named by source and target, and by opened variables', () => {
    const spec = agent.InstanceSpec.fromPartial({
      env: {
        TOKEN: sealer.seal('env/TOKEN', 't0ken'),
        PLAIN: 'x',
        MITOSIS_SEALED_SECRETS: JSON.stringify(container),
      },
    });
    expect(hasSecretFiles(spec)).toBe(true);
    expect(secretFiles(spec, open)).toEqual([
      { file: 'db', content: 's3cret' },
      { file: 'db-password', content: 's3cret' },
    ]);
    expect(openEnvironment(spec.env, open, '/i/secrets')).toEqual({
      TOKEN: 't0ken',
      PLAIN: 'x',
      MITOSIS_SECRETS_DIR: '/i/secrets',
    });
  });

  it('reach a container as files its definition names', () => {
    const definition = JSON.stringify(container);
    const spec = agent.InstanceSpec.fromPartial({ container: { definition } });
    expect(hasSecretFiles(spec)).toBe(true);
    expect(withSecretFiles(definition, '/i/secrets')).toEqual({
      secrets: container.secrets,
      definitions: { secrets: { db: { file: '/i/secrets/db' } } },
    });
  });

  it('are none where nothing is sealed', () => {
    const spec = agent.InstanceSpec.fromPartial({ env: { A: 'b' } });
    expect(hasSecretFiles(spec)).toBe(false);
    expect(secretFiles(spec, open)).toEqual([]);
    expect(openEnvironment(spec.env, open, undefined)).toEqual({ A: 'b' });
    expect(withSecretFiles('', '/i/secrets')).toEqual({});
  });

  it('never lead out of their directory', () => {
    const sealed = sealer.seal('file/../x', 'y');
    const spec = agent.InstanceSpec.fromPartial({
      env: { MITOSIS_SEALED_SECRETS: JSON.stringify({ definitions: { secrets: { '../x': { sealed } } } }) },
    });
    expect(secretFiles(spec, open)).toEqual([]);
  });
});
