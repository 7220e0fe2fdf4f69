/** Names of components: what Compose allows, less what would collide with Mitosis' own or with one another. */
import { MANAGEMENT_COMPONENTS } from '@mitosis/contracts';
import type { Building, Service } from './service.js';

/** Sockets and folders are called after components; their paths are limited. */
const NAME_MAX = 63;
const RESERVED: readonly string[] = Object.values(MANAGEMENT_COMPONENTS);

export const checkNames = (services: readonly Service[], { problems }: Building): void => {
  const variables = new Map<string, string>();
  for (const { name, at, path, kind } of services) {
    const error = (problem: string, remedy: string): void => problems.error(at, path, problem, remedy);
    if (RESERVED.includes(name))
      error(
        `"${name}" is the name of a part of Mitosis itself`,
        `rename it, e.g. to "${name.replace('mitosis-', 'my-')}"`,
      );
    if (/^(\.+|__proto__)$/.test(name)) error(`"${name}" is no name`, 'use letters and digits');
    if (name.length > NAME_MAX) error(`the name has ${name.length} characters`, `use at most ${NAME_MAX}`);
    if (kind === 'composition' && name.includes('.'))
      error(
        'the name of a child level has no dots: they separate levels',
        `rename it to "${name.replaceAll('.', '-')}"`,
      );
    const variable = variableName(name);
    const other = variables.get(variable);
    if (other !== undefined)
      error(`"${name}" and "${other}" are both told to others as ${variable}_URL`, 'rename one of them');
    variables.set(variable, name);
  }
};

/** How a component's address is called in the environment of others. */
export const variableName = (component: string): string => component.toUpperCase().replace(/[^A-Z0-9]/g, '_');
