/** Records by the names of components, of which a level may have a thousand: read safely, and built without being slow. */
export interface ByName<T> {
  readonly [name: string]: T;
}

export const own = <T>(record: ByName<T>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/**
 * An empty record to be filled with many names. Without a prototype it is a dictionary from the first name on; an ordinary
 * object goes through a hidden class for each, which takes five times as long.
 */
export const recordByName = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;
