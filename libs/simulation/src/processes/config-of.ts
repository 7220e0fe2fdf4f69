/** The configuration a management process gets from its agent's hands, as agent/instances/instance-plan.ts fills it in. */
import { fillTemplate } from '@mitosis/agent/decide';
import { readServiceConfig, type ServiceConfig } from '@mitosis/service-kit';
import type { Host, StoredInstance } from '../host/host.js';

export const configOf = (host: Host, { spec, ports, etcd }: StoredInstance): ServiceConfig => {
  const incarnation = String(host.disk.incarnation);
  const values = { id: spec.id, host: host.address, data: spec.id, incarnation, ports };
  const filled = Object.entries(spec.env).map(([name, value]) => [
    name,
    fillTemplate(value, etcd === '' ? values : { ...values, etcd }),
  ]);
  const env = Object.fromEntries(filled) as Record<string, string>;
  const described = Number(env['MITOSIS_INCARNATION'] ?? 0);
  if (described < host.disk.incarnation) env['MITOSIS_INCARNATION'] = incarnation;
  return readServiceConfig({ ...env, MITOSIS_DATA: spec.id, MITOSIS_AGENT: host.agentAddress });
};
