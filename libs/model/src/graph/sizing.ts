/** `x-mitosis.size`: whether the autoscaler may change the limits of an instance, and within which bounds. */
import type { InstanceSize, Resources, SizingPolicy } from '@mitosis/contracts';
import { child, numberOf, type Node, textOf } from '../source/node.js';
import { byteSize } from '../values/bytes.js';
import { type Building, complain, extensionOf, type Service } from './service.js';

const boundOf = (node: Node | undefined): InstanceSize => ({
  cpus: numberOf(node, 'cpus') ?? 0,
  memoryBytes: byteSize(textOf(node, 'memory') ?? '0') ?? 0,
});

const KEYS = ['x-mitosis', 'size'];

/** undefined: nothing is said, so it is advised only. */
export const sizingOf = (
  service: Service,
  { limits }: Resources,
  building: Building,
): SizingPolicy | undefined => {
  const node = child(extensionOf(service), 'size');
  if (node === undefined) return undefined;
  const said = node.kind === 'scalar' ? node.text : textOf(node, 'mode');
  const mode = said === 'advise' ? 'advise' : 'apply';
  const least = boundOf(node.kind === 'scalar' ? undefined : child(node, 'min'));
  const most = boundOf(node.kind === 'scalar' ? undefined : child(node, 'max'));
  if (mode === 'apply' && limits.cpus === 0 && limits.memoryBytes === 0)
    complain(
      building,
      service,
      KEYS,
      'there is no limit that could be changed',
      'add deploy.resources.limits, or write size: advise',
    );
  if (
    (most.cpus > 0 && least.cpus > most.cpus) ||
    (most.memoryBytes > 0 && least.memoryBytes > most.memoryBytes)
  )
    complain(building, service, KEYS, 'min is more than max', 'make min the smaller one');
  return { mode, least, most };
};
