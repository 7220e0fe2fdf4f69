/** One raw watch stream to etcd: translates messages, keeps no cursor, never reconnects. */
import type { IDuplexStream, IWatchRequest, IWatchResponse, WatchClient } from 'etcd3';
import { toMitosisError } from './endpoint-pool.js';
import { entryOf, headerOf } from './etcd-values.js';
import type { KeyRange, WatchHandlers, WatchResponse, WatchStream } from './wire.js';

type Stream = IDuplexStream<IWatchRequest, IWatchResponse>;

export class EtcdWatchStream implements WatchStream {
  #stream: Stream | undefined;
  /** Written before the connection was there; bounded by the number of watches. */
  #early: IWatchRequest[] = [];
  #ended = false;
  #unanswered = false;

  constructor(
    client: WatchClient,
    private readonly handlers: WatchHandlers,
    private readonly onSilent: () => void,
  ) {
    void this.#connect(client);
  }

  create(watchId: string, range: KeyRange, startRevision: number): void {
    this.#write({
      create_request: {
        key: Buffer.from(range.key),
        ...(range.rangeEnd === undefined ? {} : { range_end: Buffer.from(range.rangeEnd) }),
        start_revision: startRevision,
        watch_id: watchId,
        progress_notify: true,
      },
    });
  }

  cancel(watchId: string): void {
    this.#write({ cancel_request: { watch_id: watchId } });
  }

  requestProgress(): void {
    this.#unanswered = true;
    this.#write({ progress_request: {} });
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream?.cancel();
    if (this.#unanswered) this.onSilent();
  }

  async #connect(client: WatchClient): Promise<void> {
    try {
      this.#start(await client.watch());
    } catch (error) {
      this.#end(error);
    }
  }

  #start(stream: Stream): void {
    // Also after an end: a stream without an error listener would end the process.
    stream.on('error', (error) => {
      this.#end(error);
    });
    if (this.#ended) {
      stream.cancel();
      return;
    }
    this.#stream = stream;
    stream.on('data', (response) => {
      this.#unanswered = false;
      if (!this.#ended) for (const one of translate(response)) this.handlers.onResponse(one);
    });
    stream.on('end', () => {
      this.#end(new Error('etcd ended the watch'));
    });
    for (const request of this.#early.splice(0)) stream.write(request);
  }

  #write(request: IWatchRequest): void {
    if (this.#ended) return;
    if (this.#stream === undefined) this.#early.push(request);
    else this.#stream.write(request);
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.handlers.onEnd(toMitosisError(error));
  }
}

function* translate(response: IWatchResponse): Generator<WatchResponse> {
  const { watch_id: watchId } = response;
  const header = headerOf(response.header);
  if (response.canceled) {
    const compactRevision = Number(response.compact_revision);
    yield { kind: 'canceled', watchId, header, compactRevision, reason: response.cancel_reason };
    return;
  }
  if (response.created) yield { kind: 'created', watchId, header };
  if (response.events.length > 0) {
    const events = response.events.map((event) => ({
      kind: event.type === 'Delete' ? ('delete' as const) : ('put' as const),
      entry: entryOf(event.kv),
    }));
    yield { kind: 'events', watchId, header, events };
  } else if (!response.created) {
    yield { kind: 'progress', header };
  }
}
