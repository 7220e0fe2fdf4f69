/**
 * What an instance's description says of secrets, before and after they are opened. Pure: opening is handed in.
 */
import type { agent } from '@mitosis/contracts';
import { isSealed } from '@mitosis/identity';

/** `name` is what the value is for, as it was sealed. */
export type Open = (name: string, sealed: string) => string;

export interface SecretFile {
  /** File name in the instance's directory of secrets. */
  readonly file: string;
  readonly content: string;
}

interface Definition {
  readonly secrets?: readonly { readonly source?: string; readonly target?: string }[];
  readonly definitions?: { readonly secrets?: Readonly<Record<string, { readonly sealed?: string }>> };
}

/** In which a process is given its secrets; a container's come from its definition. */
export const SECRETS_VARIABLE = 'MITOSIS_SEALED_SECRETS';

const definitionOf = (spec: agent.InstanceSpec): Definition =>
  JSON.parse(spec.container?.definition || spec.env[SECRETS_VARIABLE] || '{}') as Definition;

export const hasSecretFiles = (spec: agent.InstanceSpec): boolean =>
  Object.values(definitionOf(spec).definitions?.secrets ?? {}).some(({ sealed }) => sealed !== undefined);

/** A process finds a secret under its target's last part, as in `/run/secrets`; a container's driver asks by source. */
export const secretFiles = (spec: agent.InstanceSpec, open: Open): readonly SecretFile[] => {
  const { secrets = [], definitions } = definitionOf(spec);
  const files = new Map<string, string>();
  for (const [source, { sealed }] of Object.entries(definitions?.secrets ?? {})) {
    if (sealed === undefined) continue;
    const content = open(`file/${source}`, sealed);
    files.set(source, content);
    for (const { target } of secrets.filter((mount) => mount.source === source && mount.target !== undefined))
      files.set(lastPart(target ?? source), content);
  }
  return [...files].filter(([file]) => isFileName(file)).map(([file, content]) => ({ file, content }));
};

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const isFileName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('/');

/** Environment without what only the agent may see; `directory` undefined: there are no files. */
export const openEnvironment = (
  env: Readonly<Record<string, string>>,
  open: Open,
  directory: string | undefined,
): Record<string, string> => {
  const { [SECRETS_VARIABLE]: _sealed, ...rest } = env;
  const opened = Object.entries(rest).map(
    ([name, value]) => [name, isSealed(value) ? open(`env/${name}`, value) : value] as const,
  );
  return {
    ...Object.fromEntries(opened),
    ...(directory === undefined ? {} : { MITOSIS_SECRETS_DIR: directory }),
  };
};

/** A container's definition with the files in place of what was sealed. */
export const withSecretFiles = (definition: string, directory: string): Readonly<Record<string, unknown>> => {
  const whole = JSON.parse(definition || '{}') as Record<string, unknown> & Definition;
  const secrets = whole.definitions?.secrets;
  if (secrets === undefined) return whole;
  const files = Object.entries(secrets).map(
    ([source, one]) => [source, one.sealed === undefined ? one : { file: `${directory}/${source}` }] as const,
  );
  return { ...whole, definitions: { ...whole.definitions, secrets: Object.fromEntries(files) } };
};
