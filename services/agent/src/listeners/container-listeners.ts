/** Listeners that containers reach: their addresses are given by the engine, not by the request. */
import type { DockerActuator } from '@mitosis/actuators';
import type { agent } from '@mitosis/contracts';

export interface PlacedListeners {
  readonly placed: readonly agent.ListenerRequest[];
  /** Could not be given an address; to be asked for again. */
  readonly failed: readonly agent.Listener[];
}

export const placeListeners = async (
  level: string,
  requests: readonly agent.ListenerRequest[],
  docker: Pick<DockerActuator, 'componentAddress'>,
): Promise<PlacedListeners> => {
  const placed: agent.ListenerRequest[] = [];
  const failed: agent.Listener[] = [];
  for (const request of requests) {
    const { name, port, network = '' } = request;
    if (network === '') {
      placed.push(request);
      continue;
    }
    try {
      const [component = ''] = name.split('/');
      placed.push({ ...request, host: await docker.componentAddress(level, component) });
    } catch (error) {
      failed.push({ name, host: '', port, error: (error as Error).message });
    }
  }
  return { placed, failed };
};
