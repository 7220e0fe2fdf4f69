/**
 * The body of a request on its way to a target. Small ones are taken in first and kept, so that they can be sent again;
 * larger ones stream, and can be sent to another target only while nothing of them has been taken from the client.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

export class RequestBody {
  private kept: Buffer | null = null;
  private streamed = false;

  /** @param source - what the body is read from; the request itself unless it was upgraded */
  constructor(
    private readonly source: Readable,
    private readonly length: number,
    private readonly keepMax: number,
  ) {}

  /** Of a request without a body the length is 0; of one that does not say (chunked) it is Infinity. */
  static lengthOf(req: IncomingMessage): number {
    if (req.headers['transfer-encoding'] !== undefined) return Infinity;
    return Number(req.headers['content-length'] ?? 0);
  }

  get replayable(): boolean {
    return !this.streamed;
  }

  /** Calls `ready` when the first attempt can begin: at once, or when a small body is complete. */
  prepare(ready: () => void): void {
    if (this.length === 0 || this.length > this.keepMax) return ready();
    const chunks: Buffer[] = [];
    this.source.on('data', (chunk: Buffer) => chunks.push(chunk));
    this.source.once('end', () => {
      this.kept = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
      ready();
    });
  }

  /** For one attempt. */
  open(): Buffer | Readable | null {
    if (this.length === 0) return null;
    return this.kept ?? new SourceReader(this.source, () => (this.streamed = true));
  }
}

/** Reads the source from the first time it is asked to; destroying it (undici does, after a failure) leaves the source be. */
class SourceReader extends Readable {
  private started = false;

  constructor(
    private readonly source: Readable,
    private readonly onStart: () => void,
  ) {
    super();
    // undici listens while it reads; before and after, an end of the client is nobody's news.
    this.on('error', () => undefined);
  }

  override _read(): void {
    if (!this.started) this.start();
    this.source.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.source.off('data', this.onData).off('end', this.onEnd).off('close', this.onClose);
    callback(error);
  }

  private start(): void {
    this.started = true;
    this.onStart();
    this.source.on('data', this.onData).once('end', this.onEnd).once('close', this.onClose);
  }

  private readonly onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.source.pause();
  };
  private readonly onEnd = (): void => {
    this.push(null);
  };
  private readonly onClose = (): void => {
    if (!this.source.readableEnded) this.destroy(new Error('the client went away'));
  };
}
