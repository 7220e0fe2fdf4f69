/**
 * Secrets leave the command line only sealed: what Compose's `secrets:` names (a file, an environment variable, content)
 * and the environment values that `x-mitosis.secrets` lists are replaced by texts that only the level's agents can open.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MitosisError, type Component, type RunSpec, type TypeGraph } from '@mitosis/contracts';
import { ensureSealKey, Sealer } from '@mitosis/identity';

export interface SealOptions {
  /** State directory of the host. */
  readonly home: string;
  /** Where secrets with `environment:` come from. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** Throws MitosisError `invalid_input` that names the secret that is not there. */
export const sealSecrets = (typeGraph: TypeGraph, options: SealOptions): TypeGraph => {
  let sealer: Sealer | undefined;
  const lazily = (): Sealer =>
    (sealer ??= new Sealer(rootKey(typeGraph.level, options.home), typeGraph.level));
  const components = Object.entries(typeGraph.components).map(
    ([name, component]) => [name, sealComponent(component, lazily, options)] as const,
  );
  const changed = components.filter(([name, component]) => component !== typeGraph.components[name]);
  if (changed.length === 0) return typeGraph;
  // The digest says what is to be applied: another secret is something to apply.
  const digest = hash([
    typeGraph.digest,
    ...changed.map(([, { version, composition }]) => composition?.digest ?? version),
  ]);
  return { ...typeGraph, components: Object.fromEntries(components), digest };
};

const rootKey = (level: string, home: string): string => {
  const directory = join(home, 'authority', level.split('.')[0] ?? level);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return ensureSealKey(directory);
};

const HASH_LENGTH = 16;
const hash = (parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, HASH_LENGTH);

const sealComponent = (component: Component, sealer: () => Sealer, options: SealOptions): Component => {
  const { run, composition } = component;
  if (composition !== null) {
    const sealed = sealSecrets(composition, options);
    return sealed === composition ? component : { ...component, composition: sealed };
  }
  if (run === null) return component;
  const env = sealEnvironment(component, run, sealer);
  const container = sealFiles(component, run.container, sealer, options);
  if (env === run.env && container === run.container) return component;
  const version = hash([component.version, JSON.stringify(env), JSON.stringify(container)]);
  return { ...component, version, run: { ...run, env, container } };
};

const sealEnvironment = ({ name }: Component, run: RunSpec, sealer: () => Sealer): RunSpec['env'] => {
  const secret = new Set(run.secretEnv ?? []);
  if (secret.size === 0) return run.env;
  for (const variable of secret)
    if (run.env[variable] === undefined)
      throw new MitosisError(
        'invalid_input',
        `services.${name}.x-mitosis.secrets names ${variable}, which is not in its environment: add it there`,
      );
  return Object.fromEntries(
    Object.entries(run.env).map(
      ([variable, value]) =>
        [variable, secret.has(variable) ? sealer().seal(`env/${variable}`, value) : value] as const,
    ),
  );
};

const sealFiles = (
  { name }: Component,
  container: Fields,
  sealer: () => Sealer,
  options: SealOptions,
): Fields => {
  const definitions = container['definitions'] as Fields | undefined;
  const secrets = definitions?.['secrets'] as Readonly<Record<string, Fields>> | undefined;
  if (secrets === undefined) return container;
  const sealed = Object.entries(secrets).map(([secret, definition]) => {
    const value = valueOf(`secrets.${secret} of ${name}`, definition, options);
    return [secret, { sealed: sealer().seal(`file/${secret}`, value) }] as const;
  });
  return { ...container, definitions: { ...definitions, secrets: Object.fromEntries(sealed) } };
};

const valueOf = (what: string, definition: Fields, { env }: SealOptions): string => {
  const { file, environment, content } = definition;
  if (typeof content === 'string') return content;
  if (typeof environment === 'string') {
    const value = env[environment];
    if (value !== undefined) return value;
    throw new MitosisError(
      'invalid_input',
      `${what}: the variable ${environment} is not set; set it and try again`,
    );
  }
  if (typeof file === 'string') {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw new MitosisError('invalid_input', `${what}: ${file} cannot be read; put the secret there`, {
        cause: error,
      });
    }
  }
  throw new MitosisError(
    'invalid_input',
    `${what} is neither file:, environment: nor content:; Mitosis takes no external secrets`,
  );
};
