/** Alternatives of a component and when it is bound to another one. */
import { type Alternative, componentName, type Objective, type RebindPolicy } from '@mitosis/contracts';
import { child, type Node, itemsOf, numberOf, textOf } from '../source/node.js';
import { didYouMean } from '../values/did-you-mean.js';
import { durationMs } from '../values/duration.js';
import { ratio } from '../values/ratio.js';
import { p95Of } from './objective.js';
import { type Building, complain, extensionOf, type Service } from './service.js';

/** A failing third party is left in seconds and gets its traffic back when it was good for a while. */
const REBIND = { errorRatio: 0.05, afterMs: 5_000, returnAfterMs: 30_000, trialShare: 0.02 } as const;
const TRIAL_SHARE_MAX = 0.2;

export const alternativesOf = (
  service: Service,
  names: ReadonlySet<string>,
  building: Building,
): readonly Alternative[] => {
  const nodes = itemsOf(extensionOf(service), 'alternatives');
  const keys = ['x-mitosis', 'alternatives'];
  if (service.kind === 'binding') {
    rejectOwnRun(service, building);
    if (nodes.length === 0)
      complain(
        building,
        service,
        keys,
        'there is no alternative',
        'add { name: …, url: … } or { name: …, component: … }',
      );
  }
  const seen = new Set<string>();
  return nodes.flatMap((node) => {
    const name = textOf(node, 'name') ?? '';
    const path = `${service.path}.x-mitosis.alternatives`;
    if (seen.has(name))
      building.problems.error(node.at, path, `two alternatives are called "${name}"`, 'rename one of them');
    seen.add(name);
    const target = targetOf(node, service, path, names, building);
    return target === undefined ? [] : [{ name, target, price: numberOf(node, 'price') ?? 0 }];
  });
};

const RUN_KEYS = ['image', 'build', 'command', 'entrypoint'] as const;

const rejectOwnRun = (service: Service, building: Building): void => {
  const key = RUN_KEYS.find((candidate) => child(service.node, candidate) !== undefined);
  if (key !== undefined)
    complain(
      building,
      service,
      [key],
      'a component with alternatives runs nothing itself',
      `move ${key} to a component of its own and name that as an alternative: { name: own, component: … }`,
    );
};

const targetOf = (
  node: Node,
  service: Service,
  path: string,
  names: ReadonlySet<string>,
  { problems }: Building,
): Alternative['target'] | undefined => {
  const url = textOf(node, 'url');
  const component = textOf(node, 'component');
  if ((url === undefined) === (component === undefined)) {
    problems.error(node.at, path, 'an alternative has either a url or a component', 'keep one of the two');
    return undefined;
  }
  if (url !== undefined) {
    if (/^https?:\/\/[^/\s]+/.test(url)) return { kind: 'url', url };
    problems.error(
      child(node, 'url')?.at ?? node.at,
      path,
      `"${url}" is no URL`,
      'write one such as https://pay.example',
    );
    return undefined;
  }
  const name = component ?? '';
  const at = child(node, 'component')?.at ?? node.at;
  if (name === service.name) {
    problems.error(at, path, `"${name}" cannot be its own alternative`, 'name another component');
    return undefined;
  }
  if (names.has(name)) return { kind: 'component', component: componentName(name) };
  problems.error(
    at,
    path,
    `there is no component "${name}"`,
    didYouMean(name, names, 'name a component of this composition, or give a url'),
  );
  return undefined;
};

/** Bounds not said are those of the objective; 0 stands for none. */
export const rebindOf = (
  service: Service,
  own: Objective | null,
  level: Objective | null,
  building: Building,
): RebindPolicy => {
  const node = child(extensionOf(service), 'rebind');
  const time = (key: string): number | undefined => durationMs(textOf(node, key) ?? '');
  const trial = ratio(textOf(node, 'trial') ?? '') ?? REBIND.trialShare;
  if (trial > TRIAL_SHARE_MAX)
    complain(
      building,
      service,
      ['x-mitosis', 'rebind', 'trial'],
      `a trial share of ${trial} is more than ${TRIAL_SHARE_MAX}`,
      'write 20% or less',
    );
  return {
    p95Ms: time('p95') ?? p95Of(own) ?? p95Of(level) ?? 0,
    errorRatio:
      ratio(textOf(node, 'errors') ?? '') ?? own?.errorRatio ?? level?.errorRatio ?? REBIND.errorRatio,
    afterMs: time('after') ?? REBIND.afterMs,
    returnAfterMs: time('return_after') ?? REBIND.returnAfterMs,
    trialShare: trial,
  };
};
