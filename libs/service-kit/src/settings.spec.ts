import { describe, expect, it } from 'vitest';
import { readServiceConfig } from './config.js';
import { SettingsError } from './settings.js';

const problemsOf = (env: Readonly<Record<string, string>>): SettingsError => {
  try {
    readServiceConfig(env);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error('no mistake was found');
};

describe(readServiceConfig.name, () => {
  it('needs nothing but the level to run a service by hand', () => {
    const config = readServiceConfig({ MITOSIS_LEVEL: 'shop' });
    expect(config).toMatchObject({
      level: 'shop',
      etcd: ['http://127.0.0.1:2379'],
      host: '127.0.0.1',
      grpcPort: 0,
      leaseTtlMs: 3_000,
      release: null,
      logLevel: 'info',
      agent: '',
    });
    expect(config.functions).toContain('monitor');
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('gives every replica started by hand an id of its own', () => {
    const id = (): string => readServiceConfig({ MITOSIS_LEVEL: 'shop' }).replica;
    expect(id()).not.toBe(id());
  });

  it('reads what the agent sets', () => {
    const release = { version: '1', node: '/n', manager: '/m', router: '/r', agent: '/a', etcd: '/e' };
    const config = readServiceConfig({
      MITOSIS_LEVEL: 'shop.catalog',
      MITOSIS_INSTANCE: 'mitosis-manager-1',
      MITOSIS_ETCD: 'http://127.0.0.1:4001,http://127.0.0.2:4001',
      MITOSIS_FUNCTIONS: 'monitor,health',
      MITOSIS_INCARNATION: '3',
      MITOSIS_GRPC_PORT: '4100',
      MITOSIS_RELEASE: JSON.stringify(release),
      MITOSIS_SITE: '',
    });
    expect(config).toMatchObject({
      replica: 'mitosis-manager-1',
      etcd: ['http://127.0.0.1:4001', 'http://127.0.0.2:4001'],
      functions: ['monitor', 'health'],
      incarnation: 3,
      grpcPort: 4_100,
      release,
      site: 'local',
    });
  });

  it('names variable, value and remedy of every mistake at once', () => {
    const { problems, message } = problemsOf({
      MITOSIS_FUNCTIONS: 'monitor,healht',
      MITOSIS_GRPC_PORT: '70000',
      MITOSIS_HTTP_PORT: 'http',
      MITOSIS_ETCD: '127.0.0.1:2379',
      MITOSIS_RELEASE: '{',
      MITOSIS_LOG: 'loud',
      MITOSIS_LEASE_TTL_MS: '3s',
    });
    expect(problems.map(({ variable }) => variable).sort()).toEqual([
      'MITOSIS_ETCD',
      'MITOSIS_FUNCTIONS',
      'MITOSIS_GRPC_PORT',
      'MITOSIS_HTTP_PORT',
      'MITOSIS_LEASE_TTL_MS',
      'MITOSIS_LEVEL',
      'MITOSIS_LOG',
      'MITOSIS_RELEASE',
    ]);
    expect(message).toContain("MITOSIS_LEVEL is not set: expected the level's name");
    expect(message).toContain(
      'MITOSIS_HTTP_PORT="http" is wrong (not a whole number): expected a port number',
    );
    expect(message).toMatch(/MITOSIS_FUNCTIONS="monitor,healht" is wrong .* monitor, health, autoscaler/);
  });
});
