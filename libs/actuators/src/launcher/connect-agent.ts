/** A client of a host's agent. */
import { credentials, Metadata } from '@grpc/grpc-js';
import { agent, MitosisError } from '@mitosis/contracts';

/** `unix:/path` or `host:port`. The caller closes it. */
export const connectAgent = (address: string): agent.AgentClient =>
  new agent.AgentClient(address, credentials.createInsecure(), {
    // The proxy of a user's environment is not for talking to the own machine.
    'grpc.enable_http_proxy': 0,
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': 200,
    // Clients of one process must not share a channel that another one closes.
    'grpc.use_local_subchannel_pool': 1,
  });

/** What the agent says of itself, or undefined when nobody answers within `timeoutMs`. */
export const helloAgent = (address: string, timeoutMs: number): Promise<agent.AgentInfo | undefined> =>
  new Promise((resolve) => {
    const client = connectAgent(address);
    client.hello({}, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, info) => {
      client.close();
      resolve(error === null ? info : undefined);
    });
  });

const END_MS = 5_000;

/** Tells it to end and leave everything running. Throws MitosisError `unavailable`. */
export const endAgent = (address: { readonly address: string }): Promise<void> =>
  new Promise((resolve, reject) => {
    const client = connectAgent(address.address);
    client.shutdown({ force: true }, new Metadata(), { deadline: Date.now() + END_MS }, (error) => {
      client.close();
      if (error === null) resolve();
      else
        reject(
          new MitosisError('unavailable', `the agent could not be told to end: ${error.details}`, {
            cause: error,
          }),
        );
    });
  });
