/** From an instance's record to what the driver starts: placeholders filled, environment complete. */
import { join } from 'node:path';
import { inheritedEnvironment, type RunPlan } from '@mitosis/actuators';
import { MANAGEMENT_COMPONENTS, type agent } from '@mitosis/contracts';
import { certifiedRole, secureEtcdCommand } from '../decide/secure-command.js';
import { addressEnvironment, fillTemplate, type TemplateValues } from '../decide/template.js';
import { hasSecretFiles, openEnvironment, withSecretFiles, type Open } from '../decide/secrets.js';
import { tlsDirectory } from '../identity/host-identity.js';
import { secretsDirectory } from '../identity/host-secrets.js';
import type { InstanceState } from '../state/records.js';

export interface PlanContext {
  readonly host: string;
  readonly agentAddress: string;
  readonly dir: string;
  readonly incarnation: number;
  /** Opens secrets that were sealed for the instance's level. */
  readonly open: Open;
  readonly listeners: { readonly fds: readonly number[]; readonly described: string };
}

export const dataDirectory = (dir: string): string => join(dir, 'data');

const valuesOf = (state: InstanceState, context: PlanContext): TemplateValues => ({
  id: state.spec.id,
  host: context.host,
  data: dataDirectory(context.dir),
  incarnation: String(context.incarnation),
  ports: state.ports,
  ...(state.etcd === '' ? {} : { etcd: state.etcd }),
  ...(state.initialCluster === '' ? {} : { 'initial-cluster': state.initialCluster }),
});

/** Health is judged by a probe of the specification. */
export const isProbed = ({ probe }: agent.InstanceSpec): boolean =>
  probe !== undefined && probe.kind !== 'none' && probe.kind !== '';

/** Command, directory and environment, without the marks that the driver adds. */
export const instancePlan = (state: InstanceState, context: PlanContext): RunPlan =>
  state.spec.container === undefined
    ? processPlan(state, context)
    : containerPlan(state, state.spec.container, context);

const processPlan = (state: InstanceState, context: PlanContext): RunPlan => {
  const { spec } = state;
  const values = valuesOf(state, context);
  const fill = (text: string): string => fillTemplate(text, values);
  const workingDir = fill(spec.workingDir);
  const tls = certifiedRole(state) === undefined ? undefined : tlsDirectory(context.dir);
  const command = spec.command.map(fill);
  const files = hasSecretFiles(spec) ? secretsDirectory(context.dir) : undefined;
  return {
    level: state.level,
    id: spec.id,
    run: state.run,
    dir: context.dir,
    component: spec.component,
    instanceClass: spec.class,
    version: spec.version,
    command:
      tls !== undefined && spec.component === MANAGEMENT_COMPONENTS.etcd
        ? secureEtcdCommand(command, tls)
        : command,
    cwd: workingDir === '' ? values.data : workingDir,
    env: {
      ...inheritedEnvironment(process.env),
      ...addressEnvironment(spec.ports, state.ports, context.host),
      ...(spec.class === 'management'
        ? { MITOSIS_DATA: values.data, MITOSIS_AGENT: context.agentAddress }
        : {}),
      ...openEnvironment(filledEnvironment(spec, fill), context.open, files),
      ...incarnationEnvironment(spec, fill(spec.env['MITOSIS_INCARNATION'] ?? ''), context.incarnation),
      ...(tls === undefined ? {} : { MITOSIS_TLS_DIR: tls }),
      ...(spec.listeners.length > 0 ? { MITOSIS_LISTENERS: context.listeners.described } : {}),
    },
    fds: context.listeners.fds,
    user: spec.user,
  };
};

const filledEnvironment = (
  { env }: agent.InstanceSpec,
  fill: (text: string) => string,
): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value)] as const));

/** Nothing of this host's environment or directories; inside, it listens on its own ports at every address. */
const containerPlan = (state: InstanceState, container: agent.Container, context: PlanContext): RunPlan => {
  const { spec } = state;
  const values = { ...valuesOf(state, context), host: '0.0.0.0', ports: container.ports };
  const fill = (text: string): string => fillTemplate(text, values);
  return {
    level: state.level,
    id: spec.id,
    run: state.run,
    dir: context.dir,
    component: spec.component,
    instanceClass: spec.class,
    version: spec.version,
    command: spec.command.map(fill),
    cwd: spec.workingDir,
    env: openEnvironment(filledEnvironment(spec, fill), context.open, undefined),
    fds: [],
    user: spec.user,
    epoch: `${state.epoch.incarnation}.${state.epoch.revision}`,
    container: {
      image: container.image,
      definition: withSecretFiles(container.definition, secretsDirectory(context.dir)),
      ports: Object.entries(container.ports).flatMap(([name, inside]) => {
        const outside = state.ports[name];
        return outside === undefined || inside === 0 ? [] : [{ inside, outside }];
      }),
      host: context.host,
      hosts: container.hosts,
      aliases: container.aliases,
      cpus: container.cpus,
      memoryBytes: container.memoryBytes,
      memoryReservationBytes: container.memoryReservationBytes,
      pids: container.pids,
      labels: container.labels,
      stopSignal: spec.stopSignal,
      stopGraceMs: spec.stopGraceMs,
      probed: isProbed(spec),
      logMaxBytes: spec.logMaxBytes,
    },
  };
};

/** After a store was made anew, replicas described before it must not go on under the old incarnation. */
const incarnationEnvironment = (
  spec: agent.InstanceSpec,
  described: string,
  incarnation: number,
): Record<string, string> =>
  spec.class === 'management' && described !== '' && Number(described) < incarnation
    ? { MITOSIS_INCARNATION: String(incarnation) }
    : {};

/** What an exec probe runs with: the environment and directory of the instance itself. */
export const markedEnvironment = (plan: RunPlan): Record<string, string> => ({
  ...plan.env,
  MITOSIS_LEVEL: plan.level,
  MITOSIS_INSTANCE: plan.id,
  MITOSIS_COMPONENT: plan.component,
});
