/** What an instance runs: command, environment, user, signals, and for containers all the rest. */
import type { RunSpec } from '@mitosis/contracts';
import { readText } from '../compose/read-file.js';
import { absolutePath } from '../compose/paths.js';
import { parseEnvFile } from '../interpolation/env-file.js';
import { child, entriesOf, flagOf, itemsOf, type Node, plain, textOf } from '../source/node.js';
import { durationMs } from '../values/duration.js';
import { shellWords } from '../values/shell-words.js';
import { type Building, complain, type Service } from './service.js';
import { containerOf, secretsOf } from './container.js';

/** As Compose has it. */
const STOP_GRACE_MS = 10_000;

export const runSpecOf = (service: Service, building: Building): RunSpec => {
  const { node, driver, folder } = service;
  const entrypoint = wordsOf(service, 'entrypoint', building);
  const command = wordsOf(service, 'command', building);
  const workingDir = textOf(node, 'working_dir');
  const process = driver === 'process';
  if (process && isSilent(child(node, 'entrypoint')) && isSilent(child(node, 'command')))
    complainOfNothing(service, building);
  return {
    driver,
    image: process ? null : (textOf(node, 'image') ?? null),
    command: process ? [...entrypoint, ...command] : command,
    workingDir: process
      ? absolutePath(workingDir ?? '.', folder, building.variables['HOME'])
      : (workingDir ?? ''),
    env: environmentOf(service, building),
    user: textOf(node, 'user') ?? '',
    stopSignal: signalOf(service, building),
    stopGraceMs: durationMs(textOf(node, 'stop_grace_period') ?? '') ?? STOP_GRACE_MS,
    container: process ? secretsOf(service, building) : containerOf(service, building, entrypoint),
    ...secretEnvOf(service),
  };
};

const secretEnvOf = (service: Service): Pick<RunSpec, 'secretEnv'> => {
  const names = itemsOf(service.node, 'x-mitosis', 'secrets').flatMap((item) => textOf(item) ?? []);
  return names.length === 0 ? {} : { secretEnv: names };
};

const complainOfNothing = (service: Service, building: Building): void =>
  child(service.node, 'provider') === undefined
    ? complain(
        building,
        service,
        [],
        `"${service.name}" has nothing to run`,
        'give it command: (a process), image: or build: (containers), or x-mitosis: with composition: or alternatives:',
      )
    : complain(
        building,
        service,
        ['provider'],
        'Mitosis runs no providers',
        'name what it provides by its address: x-mitosis: { alternatives: [{ name: …, url: … }] }',
      );

const isSilent = (node: Node | undefined): boolean =>
  node === undefined || (node.kind === 'seq' ? node.items.length === 0 : textOf(node) === '');

export const wordsOf = (
  service: Service,
  key: 'command' | 'entrypoint',
  building: Building,
): readonly string[] => words(child(service.node, key), service, [key], building);

export const words = (
  node: Node | undefined,
  service: Service,
  keys: readonly string[],
  building: Building,
): readonly string[] => {
  if (node === undefined) return [];
  if (node.kind === 'seq') return node.items.flatMap((item) => (item.kind === 'scalar' ? [item.text] : []));
  if (node.kind !== 'scalar') return [];
  const found = shellWords(node.text);
  if (found === undefined)
    complain(
      building,
      service,
      keys,
      'a quote is not closed',
      'close it, or write a list: ["program", "argument"]',
    );
  return found ?? [];
};

/** `env_file`s in order, then `environment`; a name without a value takes the surroundings' or is left out. */
const environmentOf = (service: Service, building: Building): Record<string, string> => {
  const env: Record<string, string> = {};
  for (const item of itemsOf(service.node, 'env_file'))
    Object.assign(env, fileValues(item, service, building));
  for (const [name, value] of entriesOf(service.node, 'environment')) {
    const outside = Object.hasOwn(building.variables, name) ? building.variables[name] : undefined;
    const text = value.kind !== 'scalar' || value.value === null ? outside : value.text;
    if (text !== undefined) env[name] = text;
  }
  return env;
};

const fileValues = (item: Node, service: Service, building: Building): Record<string, string> => {
  const path = textOf(item, 'path') ?? '';
  if (flagOf(item, 'required') === false && !exists(path, building)) return {};
  const at = child(item, 'path')?.at ?? item.at;
  const text = readText(
    path,
    building,
    at,
    'name an environment file that exists, or say required: false',
    `${service.path}.env_file`,
  );
  if (text === undefined) return {};
  const format = textOf(item, 'format') === 'raw' ? 'raw' : 'compose';
  return parseEnvFile(path, text, { variables: building.variables, format }, building.problems);
};

const exists = (path: string, { read }: Building): boolean => {
  try {
    return read(path) !== undefined;
  } catch {
    return true;
  }
};

/** `label_file`s, `labels` and `deploy.labels`; later ones win. */
export const labelsOf = (service: Service, building: Building): Record<string, string> => {
  const labels: Record<string, string> = {};
  for (const file of itemsOf(service.node, 'label_file')) {
    const path = String(plain(file));
    const text = readText(path, building, file.at, 'name a file that exists');
    if (text !== undefined)
      Object.assign(
        labels,
        parseEnvFile(path, text, { variables: {}, format: 'compose' }, building.problems),
      );
  }
  for (const keys of [['labels'], ['deploy', 'labels']])
    for (const [name, value] of entriesOf(service.node, ...keys))
      labels[name] = value.kind === 'scalar' ? value.text : '';
  return labels;
};

const SIGNAL_NUMBERS: Readonly<Record<string, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  12: 'SIGUSR2',
  15: 'SIGTERM',
};

const signalOf = (service: Service, building: Building): string => {
  const said = textOf(service.node, 'stop_signal');
  if (said === undefined) return 'SIGTERM';
  const name = SIGNAL_NUMBERS[said] ?? `SIG${said.toUpperCase().replace(/^SIG/, '')}`;
  if (!/^SIG(HUP|INT|QUIT|KILL|TERM|USR1|USR2|WINCH|STOP|CONT|ABRT|ALRM|PWR|RTMIN(\+\d+)?)$/.test(name))
    complain(
      building,
      service,
      ['stop_signal'],
      `"${said}" is no signal`,
      'write a name such as SIGTERM or SIGINT',
    );
  return name;
};
