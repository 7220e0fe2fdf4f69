/**
 * What `mitosis new service` writes: the files of libs/cli/templates/service with the name put in, and the three places of
 * the repository where a service is registered. Pure: text in, text out.
 */
import { MitosisError } from '@mitosis/contracts';
import type { NewFile } from './write-new.js';

const TEMPLATE_SUFFIX = '.tmpl';

const words = (name: string): readonly string[] => name.split('-');
const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
const pascal = (name: string): string => words(name).map(capital).join('');
const camel = (name: string): string => pascal(name).charAt(0).toLowerCase() + pascal(name).slice(1);

/** The template is written as the service `new-service`, in each of the forms a name takes. */
export const named = (text: string, name: string): string =>
  text
    .replaceAll('new-service', name)
    .replaceAll('NewService', pascal(name))
    .replaceAll('newService', camel(name))
    .replaceAll('NEW_SERVICE', words(name).join('_').toUpperCase());

/** `like`: the manifest and the two tsconfigs of a service that exists, so that versions are those of the repository. */
export const serviceFiles = (
  name: string,
  template: readonly NewFile[],
  like: { readonly manifest: string; readonly configs: readonly NewFile[] },
): readonly NewFile[] => [
  { file: 'package.json', text: manifestOf(name, like.manifest) },
  ...like.configs,
  ...template.map(({ file, text }) => ({
    file: named(file.slice(0, -TEMPLATE_SUFFIX.length), name),
    text: named(text, name),
  })),
];

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
}

const manifestOf = (name: string, like: string): string => {
  const manifest = JSON.parse(like) as Manifest;
  const entry = manifest.exports['.'];
  return `${JSON.stringify({ ...manifest, name: `@mitosis/${name}`, exports: { '.': entry } }, null, 2)}\n`;
};

/** A file of the repository in which a service is registered, and how. */
export interface Registration {
  /** Relative to the repository. */
  readonly file: string;
  readonly add: (text: string) => string;
}

const LINE_MAX = 110;
const property = (name: string): string => (name.includes('-') ? `'${name}'` : name);

const insertBefore = (file: string, text: string, mark: string, lines: string): string => {
  const [first = ''] = lines.split(':');
  if (text.includes(`\n${first}:`))
    throw new MitosisError(
      'invalid_input',
      `${file} has ${first.trim()} already: remove it there, or take another name`,
    );
  const at = text.indexOf(mark);
  if (at < 0 || text.includes(mark, at + 1))
    throw new MitosisError(
      'invalid_input',
      `${file}: expected the line ${JSON.stringify(mark.trim())} once, before which services are added: put it back, or add the service by hand`,
    );
  return text.slice(0, at) + lines + text.slice(at);
};

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const definitionLine = (name: string): string => {
  const load = `(await import('@mitosis/${name}')).${camel(name)}Service,`;
  const head = `  ${property(name)}: async () =>`;
  const line = `${head} ${load}`;
  return line.length <= LINE_MAX ? `${line}\n` : `${head}\n    ${load}\n`;
};

const withDependency = (text: string, name: string): string => {
  const manifest = JSON.parse(text) as { readonly dependencies?: Readonly<Record<string, string>> };
  const dependencies = { ...manifest.dependencies, [`@mitosis/${name}`]: 'workspace:*' };
  const sorted = Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ ...manifest, dependencies: sorted }, null, 2)}\n`;
};

const LIST = 'libs/contracts/src/functions.ts';
const DEFINITIONS = 'services/mitosisd/src/services.ts';
const MANAGER = 'services/mitosisd/package.json';

/** The list of services first. `summary`: what the service is for, as in the list. */
export const registrations = (name: string, summary: string): readonly Registration[] => [
  {
    file: LIST,
    add: (text) =>
      insertBefore(
        LIST,
        text,
        '} as const satisfies Record<string, ServiceEntry>;',
        `  ${property(name)}: {\n    elected: true,\n    inManager: true,\n    summary: ${quoted(summary)},\n  },\n`,
      ),
  },
  {
    file: DEFINITIONS,
    add: (text) =>
      insertBefore(DEFINITIONS, text, '} as const satisfies Record<FunctionName,', definitionLine(name)),
  },
  { file: MANAGER, add: (text) => withDependency(text, name) },
  // What `pnpm install` would write, so that it needs neither the network nor leave to change the file.
  { file: 'pnpm-lock.yaml', add: (text) => lockedLike('placer', text, name) },
];

const PACKAGES = '\n  services/';

/** One package's lines end where the next one's begin. */
const OTHER_PACKAGE = /(?<=\n)(?=\n {2}\S)/u;

/** The lock file with an entry for the service, equal to that of `like`, and the manager's dependency on it. */
const lockedLike = (like: string, text: string, name: string): string => {
  const [head = '', ...parts] = text.split(PACKAGES);
  const last = parts.pop() ?? '';
  const [lastOwn = '', ...rest] = last.split(OTHER_PACKAGE);
  const entries = [...parts, lastOwn];
  const entry = entries.find((one) => one.startsWith(`${like}:\n`));
  const manager = entries.findIndex((one) => one.startsWith('mitosisd:\n'));
  if (entry === undefined || manager < 0)
    throw new MitosisError(
      'invalid_input',
      `pnpm-lock.yaml has no entry for services/${like}: run \`pnpm install\`, then try again`,
    );
  entries[manager] = withLink(entries[manager] ?? '', name);
  entries.push(name + entry.slice(like.length));
  const nameOf = (one: string): string => one.slice(0, one.indexOf(':'));
  entries.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  return [head, ...entries].join(PACKAGES) + rest.join('');
};

const withLink = (entry: string, name: string): string => {
  const link = `      '@mitosis/${name}':\n        specifier: workspace:*\n        version: link:../${name}\n`;
  const dependencies = entry.split(/(?=^ {6}')/mu);
  const at = dependencies.findIndex((one, i) => i > 0 && (one.split("'")[1] ?? '') > `@mitosis/${name}`);
  return [...dependencies.slice(0, at), link, ...dependencies.slice(at)].join('');
};
