/** Names become directories: nothing may lead out of the state directory or hide in it. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export const isSafeName = (name: string): boolean => NAME.test(name) && !name.includes('..');

/** True for the level itself and for everything below it. */
export const isWithin = (level: string, candidate: string): boolean =>
  candidate === level || candidate.startsWith(`${level}.`);
