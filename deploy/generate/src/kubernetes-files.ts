/**
 * deploy/kubernetes: each service its own Deployment with a disruption budget and an account without any right; etcd a
 * StatefulSet. Between pods everything is mutual TLS: certificates come as secrets (`mitosis certificates`).
 */
import { FUNCTION_NAMES, type FunctionName } from '@mitosis/contracts';
import { stringify } from 'yaml';
import {
  ETCD_MEMBERS,
  ETCD_TLS,
  ETCD_TUNING,
  ETCDCTL,
  GENERATED,
  GRPC_PORT,
  HTTP_PORT,
  programOf,
  PROGRAMS,
  REPLICAS,
  summaryOf,
  TLS,
} from './deployment.js';

export type Manifest = Readonly<Record<string, unknown>> & {
  readonly apiVersion: string;
  readonly kind: string;
};

const NAMESPACE = 'mitosis';
const labelsOf = (name: string): Readonly<Record<string, string>> => ({
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/part-of': 'mitosis',
});
const metadataOf = (name: string): Readonly<Record<string, unknown>> => ({
  name,
  namespace: NAMESPACE,
  labels: labelsOf(name),
});

const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: 1000,
  runAsGroup: 1000,
  fsGroup: 1000,
  seccompProfile: { type: 'RuntimeDefault' },
};
const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

const account = (name: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: metadataOf(name),
  // No service asks the cluster for anything: no token, no role.
  automountServiceAccountToken: false,
});

const budget = (name: string, maxUnavailable: number): Manifest => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadataOf(name),
  spec: { maxUnavailable, selector: { matchLabels: labelsOf(name) } },
});

const spread = (name: string): readonly unknown[] => [
  {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: labelsOf(name) },
  },
];

const ETCD_URLS = ETCD_MEMBERS.map((member) => `https://etcd-${member - 1}.etcd.${NAMESPACE}.svc:2379`).join(
  ',',
);
const FIELD = (fieldPath: string): unknown => ({ fieldRef: { fieldPath } });
/** The kubelet has no certificate of the level: probes run inside. */
const probe = (path: string, more: Readonly<Record<string, unknown>>): unknown => ({
  exec: { command: ['node', `${PROGRAMS}/healthcheck.mjs`, path] },
  timeoutSeconds: 5,
  ...more,
});

const deployment = (name: FunctionName): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...metadataOf(name), annotations: { 'mitosis/summary': summaryOf(name) } },
  spec: {
    replicas: REPLICAS.length,
    selector: { matchLabels: labelsOf(name) },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: {
        labels: labelsOf(name),
        annotations: {
          'prometheus.io/scrape': 'true',
          'prometheus.io/scheme': 'https',
          'prometheus.io/port': String(HTTP_PORT),
        },
      },
      spec: {
        serviceAccountName: name,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: name === 'router' ? 40 : 15,
        securityContext: POD_SECURITY,
        topologySpreadConstraints: spread(name),
        containers: [
          {
            name,
            image: 'mitosis:latest',
            args: [programOf(name)],
            env: [
              { name: 'MITOSIS_LEVEL', value: 'shop' },
              { name: 'MITOSIS_INSTANCE', valueFrom: FIELD('metadata.name') },
              { name: 'MITOSIS_SITE', value: 'local' },
              { name: 'MITOSIS_ETCD', value: ETCD_URLS },
              { name: 'MITOSIS_HOST', valueFrom: FIELD('status.podIP') },
              { name: 'MITOSIS_GRPC_PORT', value: String(GRPC_PORT) },
              { name: 'MITOSIS_HTTP_PORT', value: String(HTTP_PORT) },
              { name: 'MITOSIS_TLS_DIR', value: TLS },
              ...(name === 'router' ? [{ name: 'MITOSIS_DATA', value: '/data' }] : []),
            ],
            ports: [
              { name: 'grpc', containerPort: GRPC_PORT },
              { name: 'http', containerPort: HTTP_PORT },
            ],
            startupProbe: probe('/healthz', { periodSeconds: 2, failureThreshold: 30 }),
            livenessProbe: probe('/healthz', { periodSeconds: 30, failureThreshold: 3 }),
            readinessProbe: probe('/readyz', { periodSeconds: 15 }),
            resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '384Mi' } },
            securityContext: CONTAINER_SECURITY,
            volumeMounts: [
              { name: 'tls', mountPath: TLS, readOnly: true },
              { name: 'tmp', mountPath: '/tmp' },
              ...(name === 'router' ? [{ name: 'data', mountPath: '/data' }] : []),
            ],
          },
        ],
        volumes: [
          { name: 'tls', secret: { secretName: `mitosis-tls-${name}`, defaultMode: 0o440 } },
          { name: 'tmp', emptyDir: {} },
          ...(name === 'router' ? [{ name: 'data', emptyDir: {} }] : []),
        ],
      },
    },
  },
});

const etcdProbe = (endpoint: 'health' | 'status', more: Readonly<Record<string, unknown>>): unknown => ({
  exec: { command: [...ETCDCTL, '--endpoints=https://127.0.0.1:2379', 'endpoint', endpoint] },
  timeoutSeconds: 5,
  ...more,
});

const etcdSet = (): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: metadataOf('etcd'),
  spec: {
    serviceName: 'etcd',
    replicas: ETCD_MEMBERS.length,
    podManagementPolicy: 'Parallel',
    selector: { matchLabels: labelsOf('etcd') },
    template: {
      metadata: { labels: labelsOf('etcd') },
      spec: {
        serviceAccountName: 'etcd',
        automountServiceAccountToken: false,
        securityContext: POD_SECURITY,
        topologySpreadConstraints: spread('etcd'),
        containers: [
          {
            name: 'etcd',
            image: 'quay.io/coreos/etcd:v3.5.21',
            command: [
              'etcd',
              '--name=$(POD)',
              '--data-dir=/data/member',
              '--listen-client-urls=https://0.0.0.0:2379',
              `--advertise-client-urls=https://$(POD).etcd.${NAMESPACE}.svc:2379`,
              '--listen-peer-urls=https://0.0.0.0:2380',
              `--initial-advertise-peer-urls=https://$(POD).etcd.${NAMESPACE}.svc:2380`,
              `--initial-cluster=${ETCD_MEMBERS.map((one) => `etcd-${one - 1}=https://etcd-${one - 1}.etcd.${NAMESPACE}.svc:2380`).join(',')}`,
              '--initial-cluster-token=shop',
              ...ETCD_TLS,
              ...ETCD_TUNING,
            ],
            env: [{ name: 'POD', valueFrom: FIELD('metadata.name') }],
            ports: [
              { name: 'client', containerPort: 2379 },
              { name: 'peer', containerPort: 2380 },
            ],
            // Its own word, which it gives without a quorum too: a restart would not bring that back.
            livenessProbe: etcdProbe('status', { periodSeconds: 30, failureThreshold: 4 }),
            readinessProbe: etcdProbe('health', { periodSeconds: 10 }),
            resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
            securityContext: CONTAINER_SECURITY,
            volumeMounts: [
              { name: 'tls', mountPath: TLS, readOnly: true },
              { name: 'data', mountPath: '/data' },
            ],
          },
        ],
        volumes: [{ name: 'tls', secret: { secretName: 'mitosis-tls-etcd', defaultMode: 0o440 } }],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
});

const headless = (): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadataOf('etcd'),
  spec: {
    clusterIP: 'None',
    // Members must find each other before any of them is ready.
    publishNotReadyAddresses: true,
    selector: labelsOf('etcd'),
    ports: [
      { name: 'client', port: 2379 },
      { name: 'peer', port: 2380 },
    ],
  },
});

/** etcd is reached by the level's own pods alone, besides its certificates. */
const etcdPolicy = (): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadataOf('etcd'),
  spec: {
    podSelector: { matchLabels: labelsOf('etcd') },
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: [{ podSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'mitosis' } } }],
        ports: [{ port: 2379 }, { port: 2380 }],
      },
    ],
  },
});

/** File name → manifests. */
export const kubernetesManifests = (): Readonly<Record<string, readonly Manifest[]>> => ({
  'namespace.yaml': [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }],
  'etcd.yaml': [account('etcd'), headless(), etcdSet(), budget('etcd', 1), etcdPolicy()],
  ...Object.fromEntries(
    FUNCTION_NAMES.map((name) => [`${name}.yaml`, [account(name), deployment(name), budget(name, 1)]]),
  ),
});

export const kubernetesText = (manifests: readonly Manifest[]): string =>
  `# ${GENERATED}\n` +
  manifests
    .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
