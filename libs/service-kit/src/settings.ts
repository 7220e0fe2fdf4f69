/**
 * Environment → validated, defaulted, frozen settings. A mistake names the variable, the value it had and what would be
 * right. Must never be read anywhere but at the start of a process: the rest of the code gets the frozen result.
 */
import * as z from 'zod';

export interface Setting<T> {
  readonly variable: string;
  readonly schema: z.ZodType<T>;
  /** What would be right, for people: 'a port number, 0 for any'. */
  readonly remedy: string;
}

export interface SettingProblem {
  readonly variable: string;
  readonly value: string | undefined;
  readonly problem: string;
  readonly remedy: string;
}

/** A user's mistake in the environment; a process ends with exit code 2 because of it. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly SettingProblem[]) {
    super(problems.map(describeProblem).join('\n'));
    this.name = 'SettingsError';
  }
}

const describeProblem = ({ variable, value, problem, remedy }: SettingProblem): string =>
  value === undefined
    ? `${variable} is not set: expected ${remedy}`
    : `${variable}=${JSON.stringify(value)} is wrong (${problem}): expected ${remedy}`;

export const setting = <T>(variable: string, schema: z.ZodType<T>, remedy: string): Setting<T> => ({
  variable,
  schema,
  remedy,
});

export type SettingsOf<S extends Readonly<Record<string, Setting<unknown>>>> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** Reads all settings at once, so that all mistakes are told at once. An empty variable counts as not set. */
export const readSettings = <S extends Readonly<Record<string, Setting<unknown>>>>(
  shape: S,
  env: Readonly<Record<string, string | undefined>>,
): SettingsOf<S> => {
  const problems: SettingProblem[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, { variable, schema, remedy }] of Object.entries(shape)) {
    const value = env[variable] === '' ? undefined : env[variable];
    const parsed = schema.safeParse(value);
    if (parsed.success) values[name] = parsed.data;
    else problems.push({ variable, value, problem: firstIssue(parsed.error), remedy });
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return Object.freeze(values) as SettingsOf<S>;
};

const firstIssue = (error: z.ZodError): string => error.issues[0]?.message ?? 'not valid';

/** The forms settings take, all over text. Each has a default or is required. */
export const text = (): z.ZodType<string> => z.string('not set').min(1);
export const textOr = (fallback: string): z.ZodType<string> => z.string().default(fallback);

export const wholeNumberOr = (fallback: number, min: number, max: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^-?\d+$/, 'not a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .default(fallback);

export const oneOfOr = <T extends string>(fallback: T, allowed: readonly [T, ...T[]]): z.ZodType<T> =>
  z.string().default(fallback).pipe(z.enum(allowed));

/** Comma-separated, without empty parts. */
export const listOr = (fallback: readonly string[]): z.ZodType<readonly string[]> =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(z.string()).min(1, 'empty list'))
    .default([...fallback]);

/** JSON of the given shape, or null when the variable is not set. */
export const jsonOrNull = <T>(schema: z.ZodType<T>): z.ZodType<T | null> =>
  z
    .string()
    .transform((value, context) => {
      try {
        return JSON.parse(value) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema)
    .nullable()
    .default(null);
