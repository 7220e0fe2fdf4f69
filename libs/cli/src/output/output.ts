/**
 * What a command says: text for people, one JSON document (or one JSON line an event) with `--json`. Progress is live
 * where a person watches and plain lines otherwise, and always on stderr: stdout is the result alone.
 */
import { createLogUpdate } from 'log-update';
import pc from 'picocolors';

export interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

export class Output {
  private readonly live: ReturnType<typeof createLogUpdate> | undefined;
  private shown = '';

  constructor(
    private readonly streams: Streams,
    readonly json: boolean,
  ) {
    if (!json && streams.err.isTTY) this.live = createLogUpdate(streams.err);
  }

  /** True when a person sees live progress. */
  get watched(): boolean {
    return this.live !== undefined;
  }

  /** The result of a command, once. */
  result(document: unknown, text: () => string): void {
    this.clear();
    this.streams.out.write(this.json ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`);
  }

  /** One of many events. */
  event(document: unknown, text: () => string): void {
    this.streams.out.write(this.json ? `${JSON.stringify(document)}\n` : `${text()}\n`);
  }

  /** A milestone: stays on the screen. Nothing with `--json`. */
  milestone(text: string): void {
    if (this.json) return;
    this.live?.clear();
    this.streams.err.write(`${text}\n`);
    if (this.shown !== '') this.live?.(this.shown);
  }

  /** Replaces the live lines; nothing where nobody watches. */
  progress(text: string): void {
    this.shown = text;
    this.live?.(text);
  }

  clear(): void {
    this.shown = '';
    this.live?.clear();
  }

  warn(text: string): void {
    this.milestone(pc.yellow(text));
  }

  /** Why the command failed: text on stderr, or a document on stdout. */
  failure(error: { readonly code: string; readonly message: string; readonly details?: unknown }): void {
    this.clear();
    if (this.json) this.streams.out.write(`${JSON.stringify({ error }, null, 2)}\n`);
    else this.streams.err.write(`${pc.red('mitosis:')} ${error.message}\n`);
  }
}
