/** What a request must say before anything is done for it: names that are safe as paths, descriptions that can work. */
import { MitosisError, type agent } from '@mitosis/contracts';
import { isSafeName } from '../decide/names.js';

export const assertName = (name: string, what: string): void => {
  if (!isSafeName(name))
    throw new MitosisError('invalid_input', `${JSON.stringify(name)} is no name of a ${what}`);
};

export const assertListenerName = (name: string): void => {
  if (!/^[^\s/]+\/\S{1,200}$/.test(name))
    throw new MitosisError('invalid_input', `${JSON.stringify(name)} is no listener: <component>/<port> is`);
};

export function assertSpec(spec: agent.InstanceSpec | undefined): asserts spec is agent.InstanceSpec {
  if (spec === undefined) throw new MitosisError('invalid_input', 'the request describes no instance');
  assertName(spec.id, 'instance');
  if (spec.class !== 'application' && spec.class !== 'management')
    throw new MitosisError(
      'invalid_input',
      `${spec.id}: class ${spec.class} is neither application nor management`,
    );
  if (spec.driver !== 'process' && spec.driver !== 'docker')
    throw new MitosisError(
      'invalid_input',
      `${spec.id}: this agent has no driver "${spec.driver}", only process and docker`,
    );
  if (spec.driver === 'docker' && (spec.container?.image ?? '') === '')
    throw new MitosisError('invalid_input', `${spec.id}: a container needs an image`);
  if (spec.driver === 'process' && spec.command.length === 0)
    throw new MitosisError('invalid_input', `${spec.id}: the command is empty`);
}
