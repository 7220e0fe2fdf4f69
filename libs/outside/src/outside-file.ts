/**
 * The file that stands for the functions a lone service has no neighbours for: which composition there is, who serves its
 * components, where their figures are asked for. Files in, plain data out; a mistake is told with file and place.
 */
import { dirname, resolve } from 'node:path';
import {
  instanceId,
  MitosisError,
  type Component,
  type Endpoint,
  type LevelId,
  type TypeGraph,
} from '@mitosis/contracts';
import { formatProblems, loadComposition, type ReadFile } from '@mitosis/model';
import { parse } from 'yaml';
import * as z from 'zod';

/** PromQL by what it answers; each one number. Absent: not known. */
export interface OutsideQueries {
  readonly instances?: string | undefined;
  readonly rate?: string | undefined;
  readonly errors?: string | undefined;
  /** By percentile, in seconds. */
  readonly p50?: string | undefined;
  readonly p95?: string | undefined;
  readonly p99?: string | undefined;
  readonly mean?: string | undefined;
  readonly inFlight?: string | undefined;
  readonly cpu?: string | undefined;
  readonly memory?: string | undefined;
}

export interface Outside {
  readonly typeGraph: TypeGraph;
  /** By component; complete: a component that is not named has none that are known. */
  readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>;
  /** Weights of alternatives by component. */
  readonly split: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly prometheus: {
    readonly url: string;
    readonly everyMs: number;
    readonly windowMs: number;
    readonly queries: Readonly<Record<string, OutsideQueries>>;
  } | null;
}

const EVERY_MS = 5_000;
/** Four scrapes at Prometheus' usual quarter of a minute: a rate needs two, and one may be lost. */
const WINDOW_MS = 60_000;
const UNITS = { ms: 1, s: 1_000, m: 60_000 } as const;

const duration = z
  .string()
  .regex(/^\d+(?:ms|s|m)$/u, 'a duration such as 5s or 1m')
  .transform((text) => {
    const [, count = '0', unit = 's'] = /^(\d+)(ms|s|m)$/u.exec(text) ?? [];
    return Number(count) * UNITS[unit as keyof typeof UNITS];
  });

const port = z.int().min(1).max(65_535);
const address = z
  .string()
  .regex(/^.+:\d+$/u, 'an address such as 10.0.0.5:8080')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[(.*)\]$/u, '$1'), port: Number(text.slice(colon + 1)) };
  });
const several = z.strictObject({ host: z.string().min(1), ports: z.record(z.string(), port) });

const query = z.string().min(1);
const figures = z.strictObject({
  /** PromQL; how many there are now. */
  instances: query.optional(),
  /** Selector of a histogram in seconds, `http_request_duration_seconds{job="web"}`: rate, mean and percentiles follow. */
  duration: query.optional(),
  /** Selector of a counter of failed requests. */
  errors: query.optional(),
  /** PromQL. */
  inFlight: query.optional(),
  /** Selector of a counter of processor seconds. */
  cpu: query.optional(),
  /** PromQL; bytes of all instances. */
  memory: query.optional(),
});

const schema = z.strictObject({
  composition: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  endpoints: z.record(z.string(), z.array(z.union([address, several]))).default({}),
  split: z.record(z.string(), z.record(z.string(), z.number().min(0))).default({}),
  prometheus: z
    .strictObject({
      url: z.url({ protocol: /^https?$/u }),
      every: duration.pipe(z.number().min(1_000).max(300_000)).default(EVERY_MS),
      window: duration.pipe(z.number().min(1_000).max(3_600_000)).default(WINDOW_MS),
      components: z.record(z.string(), figures),
    })
    .optional(),
});
type Written = z.output<typeof schema>;

/** Throws MitosisError `invalid_input` that says where what is wrong. `env`: for variables in the composition. */
export const readOutside = (
  file: string,
  level: LevelId,
  read: ReadFile,
  env: Readonly<Record<string, string>>,
): Outside => {
  const written = parsed(file, read);
  const typeGraph = graphOf(file, written, level, read, env);
  for (const [section, names] of Object.entries({
    endpoints: Object.keys(written.endpoints),
    split: Object.keys(written.split),
    'prometheus.components': Object.keys(written.prometheus?.components ?? {}),
  }))
    for (const name of names)
      if (!Object.hasOwn(typeGraph.components, name))
        throw wrong(
          file,
          `${section}.${name}`,
          `the composition has no such component; it has ${Object.keys(typeGraph.components).join(', ')}`,
        );
  return {
    typeGraph,
    endpoints: Object.fromEntries(
      Object.values(typeGraph.components).map((component) => [
        component.name,
        (written.endpoints[component.name] ?? []).map((one) => endpointOf(file, component, one)),
      ]),
    ),
    split: written.split,
    prometheus: prometheusOf(written.prometheus),
  };
};

const wrong = (file: string, place: string, problem: string): MitosisError =>
  new MitosisError('invalid_input', `${file}: ${place === '' ? '' : `${place}: `}${problem}`);

const parsed = (file: string, read: ReadFile): Written => {
  const text = read(file);
  if (text === undefined) throw wrong(file, '', 'there is no such file');
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw wrong(file, '', error instanceof Error ? error.message : String(error));
  }
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw wrong(file, issue?.path.join('.') ?? '', issue?.message ?? 'not valid');
};

const graphOf = (
  file: string,
  { composition }: Written,
  level: LevelId,
  read: ReadFile,
  env: Readonly<Record<string, string>>,
): TypeGraph => {
  const files = [composition].flat().map((path) => resolve(dirname(file), path));
  const result = loadComposition({ files, projectDir: dirname(files[0] ?? file), env, name: level, read });
  if (!result.ok) throw new MitosisError('invalid_input', formatProblems(result.problems).trim());
  return result.typeGraph;
};

const endpointOf = (
  file: string,
  component: Component,
  written: z.output<typeof address> | z.output<typeof several>,
): Endpoint => {
  const [first, second] = component.ports;
  if ('ports' in written) return at(component, written.host, written.ports);
  if (second !== undefined)
    throw wrong(
      file,
      `endpoints.${component.name}`,
      `it has several ports: say which, { host: ${written.host}, ports: { ${component.ports.map(({ name }) => `${name}: …`).join(', ')} } }`,
    );
  return at(component, written.host, { [first?.name ?? 'default']: written.port });
};

/** Called by its address: the same one after the file was read again is the same instance. */
const at = ({ name }: Component, host: string, ports: Readonly<Record<string, number>>): Endpoint => ({
  instance: instanceId(`${name}@${host}:${Object.values(ports).join('+')}`),
  host,
  ports,
  state: 'ready',
  readySinceMs: 0,
});

const prometheusOf = (written: Written['prometheus']): Outside['prometheus'] => {
  if (written === undefined) return null;
  const { url, every, window, components } = written;
  const entries = Object.entries(components).map(
    ([name, given]) => [name, queriesOf(given, `${window}ms`)] as const,
  );
  return {
    url: url.replace(/\/+$/u, ''),
    everyMs: every,
    windowMs: window,
    queries: Object.fromEntries(entries),
  };
};

const queriesOf = (given: z.output<typeof figures>, window: string): OutsideQueries => {
  const rateOf = (selector: string): string => `sum(rate(${selector}[${window}]))`;
  const { instances, duration: histogram, errors, inFlight, cpu, memory } = given;
  const counted = histogram === undefined ? undefined : rateOf(suffixed(histogram, '_count'));
  const percentile = (quantile: number): string | undefined =>
    histogram === undefined
      ? undefined
      : `histogram_quantile(${quantile}, sum by (le) (rate(${suffixed(histogram, '_bucket')}[${window}])))`;
  return {
    instances,
    rate: counted,
    errors: errors === undefined ? undefined : rateOf(errors),
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
    mean: histogram === undefined ? undefined : `${rateOf(suffixed(histogram, '_sum'))} / ${counted}`,
    inFlight,
    cpu: cpu === undefined ? undefined : rateOf(cpu),
    memory,
  };
};

/** `name{labels}` → `name_count{labels}` */
const suffixed = (selector: string, suffix: string): string =>
  selector.replace(/^([^{]+)/u, (name) => name.trim() + suffix);
