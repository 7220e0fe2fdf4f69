/**
 * Keep-alives over one raw stream, one outstanding at a time: the answer that comes belongs to the question that was
 * asked. A question without an answer in time ends the stream, so that a late answer can never be taken for a newer
 * one's (it would prolong a deadline that the server never granted).
 */
import { MitosisError } from '@mitosis/contracts';
import type { IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse, LeaseClient } from 'etcd3';
import { toMitosisError } from './endpoint-pool.js';
import type { WireCall } from './wire.js';

type Stream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

interface Question {
  readonly leaseId: string;
  readonly settle: (outcome: ILeaseKeepAliveResponse | MitosisError) => void;
}

export class KeepAliveStream {
  #stream: Promise<Stream> | undefined;
  #question: Question | undefined;
  #closed = false;

  constructor(
    private readonly client: LeaseClient,
    private readonly onSilent: () => void,
  ) {}

  send(leaseId: string, call: WireCall): Promise<ILeaseKeepAliveResponse> {
    if (this.#question !== undefined) {
      return Promise.reject(new MitosisError('internal', 'a keep-alive is outstanding already'));
    }
    if (this.#closed || call.signal?.aborted === true) {
      return Promise.reject(new MitosisError('unavailable', 'the call was cancelled'));
    }
    return new Promise((resolve, reject) => {
      const settle = (outcome: ILeaseKeepAliveResponse | MitosisError): void => {
        clearTimeout(timer);
        call.signal?.removeEventListener('abort', onAbort);
        this.#question = undefined;
        if (outcome instanceof MitosisError) reject(outcome);
        else resolve(outcome);
      };
      const onAbort = (): void => {
        this.#drop(new MitosisError('unavailable', 'the call was cancelled'));
      };
      const timer = setTimeout(() => {
        this.onSilent();
        this.#drop(new MitosisError('deadline', `no answer to a keep-alive within ${call.timeoutMs} ms`));
      }, call.timeoutMs);
      call.signal?.addEventListener('abort', onAbort, { once: true });
      const question = { leaseId, settle };
      this.#question = question;
      void this.#ask(question);
    });
  }

  close(): void {
    this.#closed = true;
    this.#drop(new MitosisError('unavailable', 'the store is closed'));
  }

  async #ask(question: Question): Promise<void> {
    this.#stream ??= this.#open();
    const opened = this.#stream;
    try {
      const stream = await opened;
      if (this.#question === question) stream.write({ ID: question.leaseId });
    } catch (error) {
      if (this.#stream === opened) this.#drop(toMitosisError(error));
    }
  }

  #open(): Promise<Stream> {
    const opened = this.client.leaseKeepAlive().then((stream) => {
      const isCurrent = (): boolean => this.#stream === opened;
      stream.on('data', (response) => {
        if (isCurrent() && this.#question?.leaseId === response.ID) this.#question.settle(response);
      });
      stream.on('error', (error) => {
        if (isCurrent()) this.#drop(toMitosisError(error));
      });
      stream.on('end', () => {
        if (isCurrent()) this.#drop(new MitosisError('unavailable', 'etcd ended the keep-alive stream'));
      });
      return stream;
    });
    return opened;
  }

  #drop(error: MitosisError): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream !== undefined) void cancel(stream);
    this.#question?.settle(error);
  }
}

const cancel = async (opening: Promise<Stream>): Promise<void> => {
  const stream = await opening.catch(() => undefined);
  stream?.cancel();
};
