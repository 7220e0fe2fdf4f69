import { FUNCTION_NAMES, SERVICES } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { chooseFunctions, DEFINITIONS } from './services.js';

describe('the services of a process', () => {
  it('are those of the one list, each under its own name and with a shell for it', async () => {
    expect(Object.keys(DEFINITIONS).sort()).toEqual([...FUNCTION_NAMES].sort());
    for (const name of FUNCTION_NAMES) {
      const definition = await DEFINITIONS[name]();
      const { grpc } = definition;
      expect(definition.name).toBe(name);
      const { shell, module } = definition.create();
      expect(shell.fn).toBe(name);
      expect(shell.periodMs).toBeGreaterThan(0);
      expect(module.controllers?.length ?? 0, 'a gRPC service needs a controller').toBeGreaterThanOrEqual(
        Object.keys(grpc).length,
      );
    }
  });
});

describe(chooseFunctions.name, () => {
  it('takes the argument before the environment', () => {
    expect(chooseFunctions('monitor, health', 'router')).toEqual({
      kind: 'functions',
      functions: ['monitor', 'health'],
    });
    expect(chooseFunctions(undefined, 'router')).toEqual({ kind: 'functions', functions: ['router'] });
  });

  it('takes what shares a process by default when nothing is said', () => {
    const choice = chooseFunctions(undefined, undefined);
    expect(choice.kind === 'functions' && choice.functions.includes('router')).toBe(false);
    expect(choice).toMatchObject({ functions: FUNCTION_NAMES.filter((name) => SERVICES[name].inManager) });
    expect(chooseFunctions(undefined, '')).toEqual(choice);
  });

  it('runs a function once, however often it is named', () => {
    expect(chooseFunctions('health,health', undefined)).toEqual({ kind: 'functions', functions: ['health'] });
  });

  it('names what it does not know and what would be right', () => {
    expect(chooseFunctions('health,helth', undefined)).toEqual({
      kind: 'mistake',
      message: `--functions names unknown functions: helth; expected a list out of ${FUNCTION_NAMES.join(', ')}`,
    });
    expect(chooseFunctions('', undefined)).toMatchObject({ kind: 'mistake' });
  });
});
