/** Deploy files, scrape targets and pages hold every service of the one list; the manifests are valid. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { FUNCTION_NAMES } from '@mitosis/contracts';
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Namespace, Service, ServiceAccount } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { GRPC_PORT, HTTP_PORT, portOffset, REPLICAS } from './deployment.js';
import { generatedFiles } from './files.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const committed = (path: string): string =>
  existsSync(resolve(ROOT, path)) ? readFileSync(resolve(ROOT, path), 'utf8') : '';

interface Validatable {
  validate(): void;
}
type Model = new (manifest: never) => Validatable;
const MODELS: Readonly<Record<string, unknown>> = {
  Deployment,
  StatefulSet,
  NetworkPolicy,
  PodDisruptionBudget,
  Namespace,
  Service,
  ServiceAccount,
};

interface ComposeService {
  readonly read_only: boolean;
  readonly user: string;
  readonly cap_drop: readonly string[];
  readonly cap_add?: readonly string[];
  readonly network_mode: string;
  readonly command: readonly string[];
  readonly volumes: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
}
interface Scrapes {
  readonly scrape_configs: readonly { readonly job_name: string }[];
}

/** What a manifest may have besides these is in its `spec`. */
const OUTERMOST = ['apiVersion', 'kind', 'metadata', 'spec', 'automountServiceAccountToken'];

/**
 * The published schemas let fields pass that they do not know; an API server that validates strictly does not. What the
 * validator of a schema never looks at is none of its fields.
 */
class Looked {
  private readonly seen = new Set<string>();
  private readonly there = new Set<string>();

  watch(value: unknown, path = ''): unknown {
    if (value === null || typeof value !== 'object') return value;
    const watched = Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, this.watch(inner, `${path}/${key}`)]),
    );
    if (!Array.isArray(value)) for (const key of Object.keys(value)) this.there.add(`${path}/${key}`);
    return new Proxy(Array.isArray(value) ? Object.values(watched) : watched, {
      get: (target, key) => {
        if (typeof key === 'string') this.seen.add(`${path}/${key}`);
        return Reflect.get(target, key) as unknown;
      },
    });
  }

  get unknown(): readonly string[] {
    return [...this.there].filter((path) => !this.seen.has(path));
  }
}

const validate = (document: { readonly kind: string }): void => {
  const KubernetesModel = MODELS[document.kind] as Model | undefined;
  if (KubernetesModel === undefined) throw new Error(`no published schema is checked for ${document.kind}`);
  const looked = new Looked();
  // Given afterwards: the constructor would look at everything.
  const model = new KubernetesModel({} as never);
  for (const [key, value] of Object.entries(document))
    Object.assign(model, { [key]: looked.watch(value, `/${key}`) });
  model.validate();
  const foreign = Object.keys(document).filter((key) => !OUTERMOST.includes(key));
  const unknown = [...foreign, ...looked.unknown];
  if (unknown.length > 0) throw new Error(`${document.kind} has no ${unknown.join(', ')}`);
};

const generated = await generatedFiles();

describe('files made from the one list of services', () => {
  it.each(Object.entries(generated))('%s is as `pnpm deploy:generate` writes it', (path, text) => {
    expect(committed(path)).toBe(text);
  });

  it.each(FUNCTION_NAMES)('%s is deployed, scraped and described', (name) => {
    const compose = parse(committed('deploy/compose/docker-compose.yml')) as Compose;
    for (const replica of REPLICAS) expect(compose.services).toHaveProperty(`${name}-${replica}`);
    const scrapes = parse(committed('deploy/prometheus/prometheus.yml')) as Scrapes;
    expect(scrapes.scrape_configs.map(({ job_name }) => job_name)).toContain(`mitosis-${name}`);
    expect(committed(`deploy/kubernetes/${name}.yaml`)).toContain('kind: Deployment');
    expect(committed(`docs/services/${name}.md`)).toContain('## gRPC');
  });

  it('gives every service ports of its own, however many there are', () => {
    const ports = Array.from({ length: 40 }, (_, index) => index).flatMap((index) =>
      REPLICAS.flatMap((replica) =>
        [GRPC_PORT, HTTP_PORT].map((first) => first + portOffset(index, replica)),
      ),
    );
    expect(new Set(ports).size).toBe(ports.length);
    expect(portOffset(6, 1)).toBe(61);
  });

  it('gives no container more rights than it needs', () => {
    const { services } = parse(committed('deploy/compose/docker-compose.yml')) as Compose;
    for (const [name, service] of Object.entries(services)) {
      expect(service.read_only, name).toBe(true);
      expect(service.cap_drop, name).toEqual(['ALL']);
      // What gives new volumes to their user ends, and reaches no network.
      if (name === 'volumes') expect(service.network_mode).toBe('none');
      else expect([service.user, service.cap_add], name).toEqual(['1000:1000', undefined]);
    }
  });

  it('lets nothing of the compose file listen without TLS, and shows each container one key', () => {
    const { services } = parse(committed('deploy/compose/docker-compose.yml')) as Compose;
    for (const [name, service] of Object.entries(services)) {
      const { environment = {}, command, volumes } = service;
      expect(JSON.stringify([environment, command]), name).not.toContain('http://');
      if (service.network_mode === 'none') continue;
      const keys = volumes.filter((volume) => volume.startsWith('tls-'));
      if (name === 'agent') expect([environment['MITOSIS_TLS'], keys]).toEqual(['on', []]);
      else expect(keys, name).toEqual([`tls-${name}:/tls:ro`]);
      const guarded = name.startsWith('etcd-')
        ? command.filter((option) => /^--(?:peer-)?client-cert-auth$/u.test(option)).length === 2
        : name === 'agent' || environment['MITOSIS_TLS_DIR'] === '/tls';
      expect(guarded, name).toBe(true);
      // The authority and the engine are the agent's.
      expect(
        volumes.some((volume) => volume.includes('/var/lib/mitosis') || volume.includes('docker.sock')),
        name,
      ).toBe(name === 'agent');
    }
  });

  const manifests = Object.keys(generated).filter((path) => path.startsWith('deploy/kubernetes/'));
  it.each(manifests)('%s is valid by the published schemas', (path) => {
    const documents = parseAllDocuments(committed(path)).map(
      (one) => one.toJS() as { readonly kind: string },
    );
    expect(documents.length).toBeGreaterThan(0);
    for (const document of documents) validate(document);
  });

  const container = (more: object) => ({ containers: [{ name: 'c', image: 'i', ...more }] });
  const deployment = (spec: object, pod: object = container({})) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'one', labels: { any: 'label' } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { any: 'label' } },
      template: { metadata: { labels: { any: 'label' } }, spec: pod },
      ...spec,
    },
  });

  it.each([
    [deployment({ replicas: 'two' }), /replicas/u],
    [deployment({ replcas: 2 }), /no \/spec\/replcas/u],
    [deployment({}, container({ readinessProb: {} })), /no .*readinessProb/u],
    [{ ...deployment({}), specs: {} }, /no specs/u],
    [{ apiVersion: 'v1', kind: 'Sevice' }, /no published schema/u],
  ])('a wrong manifest is not valid: %j', (wrong, message) => {
    validate(deployment({}));
    expect(() => validate(wrong)).toThrow(message);
  });
});
