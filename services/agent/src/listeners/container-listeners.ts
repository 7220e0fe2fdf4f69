/** Listeners that containers reach: their addresses are given by the engine, not by the request. */
import type { DockerActuator } from '@mitosis/actuators';
import type { agent } from '@mitosis/contracts';

export interface PlacedListeners {
  readonly placed: readonly agent.ListenerRequest[];
  /** Answers of those that are not bound: with an error to be asked for again, without one there is nothing to bind. */
  readonly answered: readonly agent.Listener[];
}

export const placeListeners = async (
  level: string,
  requests: readonly agent.ListenerRequest[],
  docker: Pick<DockerActuator, 'componentAddress' | 'local'>,
): Promise<PlacedListeners> => {
  const placed: agent.ListenerRequest[] = [];
  const answered: agent.Listener[] = [];
  for (const request of requests) {
    const { name, port, network = '' } = request;
    if (network === '') {
      placed.push(request);
      continue;
    }
    if (!docker.local) {
      // The engine's host has no agent: its containers reach each other directly.
      answered.push({ name, host: '', port, error: '' });
      continue;
    }
    try {
      const [component = ''] = name.split('/');
      placed.push({ ...request, host: await docker.componentAddress(level, component) });
    } catch (error) {
      answered.push({ name, host: '', port, error: (error as Error).message });
    }
  }
  return { placed, answered };
};
