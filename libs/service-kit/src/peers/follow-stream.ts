/**
 * A server stream that opens again after it broke, until its signal aborts. Must never reopen without a pause, nor pause
 * in step with its siblings: after a leader's death a whole level dials the next one at once.
 */
import { Metadata, type CallOptions as GrpcCallOptions, type ClientReadableStream } from '@grpc/grpc-js';
import type { ChannelCache } from './channels.js';
import type { ServiceName, StreamHandlers } from './peers.js';

export interface StreamTarget {
  readonly service: ServiceName;
  readonly address: string;
  readonly method: string;
  readonly request: unknown;
}

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 2_000;

type StreamMethod = (
  request: unknown,
  metadata: Metadata,
  options: Partial<GrpcCallOptions>,
) => ClientReadableStream<unknown>;

/** Between half and all of min·2^attempt, at most the maximum. */
export const backoffMs = (attempt: number, random: () => number): number =>
  Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempt, 16)) * (0.5 + random() / 2);

export const followStream = <T>(
  channels: ChannelCache,
  target: StreamTarget,
  handlers: StreamHandlers<T>,
  signal: AbortSignal,
): void => {
  let attempt = 0;
  const open = (): void => {
    if (signal.aborted) return;
    openOnce(channels, target, signal, {
      onMessage: (message) => {
        attempt = 0;
        handlers.onMessage(message as T);
      },
      onOpen: () => handlers.onState?.('open'),
      onBroken: () => {
        if (signal.aborted) return;
        handlers.onState?.('broken');
        const timer = setTimeout(again, backoffMs(attempt, Math.random));
        attempt += 1;
        const stop = (): void => clearTimeout(timer);
        signal.addEventListener('abort', stop, { once: true });
        cleanUp = () => signal.removeEventListener('abort', stop);
      },
    });
  };
  let cleanUp = (): void => {};
  const again = (): void => {
    cleanUp();
    open();
  };
  open();
};

interface OnceHandlers {
  readonly onMessage: (message: unknown) => void;
  readonly onOpen: () => void;
  readonly onBroken: () => void;
}

/** Exactly one `onBroken` follows, whatever events the stream emits; `onOpen` comes before the first message. */
const openOnce = (
  channels: ChannelCache,
  { service, address, method, request }: StreamTarget,
  signal: AbortSignal,
  handlers: OnceHandlers,
): void => {
  const peer = channels.get(address);
  const client = peer.client(service);
  const start = (client as unknown as Readonly<Record<string, StreamMethod>>)[method];
  if (start === undefined) throw new TypeError(`${service} has no method ${method}`);
  const call = start.call(client, request, new Metadata(), {});
  peer.streams += 1;
  let state: 'opening' | 'open' | 'ended' = 'opening';
  const cancel = (): void => call.cancel();
  const opened = (): void => {
    if (state !== 'opening') return;
    state = 'open';
    handlers.onOpen();
  };
  const broken = (): void => {
    if (state === 'ended') return;
    state = 'ended';
    peer.streams -= 1;
    signal.removeEventListener('abort', cancel);
    handlers.onBroken();
  };
  signal.addEventListener('abort', cancel, { once: true });
  call.on('metadata', opened);
  call.on('data', (message: unknown) => {
    opened();
    if (state === 'open' && !signal.aborted) handlers.onMessage(message);
  });
  call.on('error', broken);
  call.on('end', broken);
};
