/** Before a level is born: containers on this machine need an engine that answers. Pure. */
import { MitosisError, type agent, type TypeGraph } from '@mitosis/contracts';

/** Undefined: nothing stands in the way. */
export const engineMissing = (
  typeGraph: TypeGraph,
  info: Pick<agent.AgentInfo, 'drivers'>,
  agentAddress: string,
): MitosisError | undefined => {
  const components = containersOf(typeGraph);
  const here =
    typeGraph.sites.length === 0 ||
    typeGraph.sites.some(
      ({ driver, agent: at }) => driver === 'docker' && (at === '' || at === agentAddress),
    );
  const docker = info.drivers.find(({ driver }) => driver === 'docker');
  if (components.length === 0 || !here || docker === undefined || docker.usable) return undefined;
  const names = components.join(', ');
  return new MitosisError(
    'unavailable',
    `${names} ${components.length === 1 ? 'runs as a container' : 'run as containers'}, but ${docker.detail}`,
  );
};

const containersOf = ({ components }: TypeGraph): readonly string[] =>
  Object.values(components).flatMap(({ name, run, composition }) => [
    ...(run?.driver === 'docker' ? [name as string] : []),
    ...(composition === null ? [] : containersOf(composition)),
  ]);
