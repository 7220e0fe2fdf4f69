/**
 * A registry of a test's own: one image of two layers over the distribution API on loopback, which engines reach without
 * TLS. It can be away, slow, or ignorant. Must never serve anything but to pulls.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { arch } from 'node:process';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const CHUNK = 1 << 20;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

type Blob = { readonly size: number; readonly type: string } & (
  | { readonly text: Buffer }
  | { readonly file: string }
);

export class Registry {
  /** Manifests that were asked for by tag, in the order they came. */
  readonly asked: string[] = [];
  /** So many requests more are answered that it is out of order. */
  failing = 0;
  private readonly blobs = new Map<string, Blob>();
  private readonly manifest: Buffer;
  private readonly waiting: (() => void)[] = [];
  private held = false;
  private readonly server = http.createServer((request, response) => void this.answer(request, response));

  private constructor(
    private readonly name: string,
    tar: string,
    digest: string,
  ) {
    const layer = { mediaType: LAYER, size: statSync(tar).size, digest };
    this.blobs.set(layer.digest, { size: layer.size, type: LAYER, file: tar });
    const mark = emptyTar();
    const second = { mediaType: LAYER, size: mark.length, digest: digestOf(mark) };
    this.blobs.set(second.digest, { size: mark.length, type: LAYER, text: mark });
    const config = Buffer.from(
      JSON.stringify({
        architecture: ARCHITECTURES[arch] ?? arch,
        os: 'linux',
        config: { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
        // Layers that are not compressed are what they unpack to.
        rootfs: { type: 'layers', diff_ids: [layer.digest, second.digest] },
      }),
    );
    this.blobs.set(digestOf(config), { size: config.length, type: CONFIG, text: config });
    this.manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { mediaType: CONFIG, size: config.length, digest: digestOf(config) },
        layers: [layer, second],
      }),
    );
  }

  /** `tar`: a root file system; the image is `<host>/<name>:1`. */
  static async start(name: string, tar: string): Promise<Registry> {
    const registry = new Registry(name, tar, await digestOfFile(tar));
    await new Promise<void>((resolve) => registry.server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  /** As a reference to an image with this tag. */
  image(tag = '1'): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}/${this.name}:${tag}`;
  }

  /** Layers stop half-way, until `release`. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    for (const go of this.waiting.splice(0)) go();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (this.failing > 0) {
      this.failing -= 1;
      response.writeHead(503).end();
      return;
    }
    if (path === '/v2/') return void response.writeHead(200).end('{}');
    const [, kind, reference = ''] =
      new RegExp(`^/v2/${this.name}/(manifests|blobs)/(.+)$`, 'u').exec(path) ?? [];
    if (kind === 'manifests') {
      if (!reference.startsWith('sha256:')) this.asked.push(reference);
      if (reference !== '1' && reference !== digestOf(this.manifest))
        return unknown(response, 'MANIFEST_UNKNOWN');
      this.head(response, MANIFEST, this.manifest.length, digestOf(this.manifest));
      return void response.end(request.method === 'HEAD' ? undefined : this.manifest);
    }
    const blob = this.blobs.get(reference);
    if (blob === undefined) return unknown(response, 'BLOB_UNKNOWN');
    this.head(response, blob.type, blob.size, reference);
    if (request.method === 'HEAD') return void response.end();
    if ('text' in blob) return void response.end(blob.text);
    await this.send(response, blob);
  }

  private head(response: http.ServerResponse, type: string, size: number, digest: string): void {
    response.writeHead(200, {
      'Content-Type': type,
      'Content-Length': size,
      'Docker-Content-Digest': digest,
      'Docker-Distribution-Api-Version': 'registry/2.0',
    });
  }

  private async send(
    response: http.ServerResponse,
    { file, size }: { file: string; size: number },
  ): Promise<void> {
    const hold = async function* (this: Registry, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      let sent = 0;
      for await (const chunk of chunks) {
        if (this.held && sent > size / 2) await new Promise<void>((resolve) => this.waiting.push(resolve));
        sent += chunk.length;
        yield chunk;
      }
    };
    // A client that went away is no failure of ours.
    await pipeline(createReadStream(file, { highWaterMark: CHUNK }), hold.bind(this), response).catch(
      () => undefined,
    );
  }
}

const unknown = (response: http.ServerResponse, code: string): void => {
  response
    .writeHead(404, { 'Content-Type': 'application/json' })
    .end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace('_', ' ') }] }));
};

const digestOf = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;

const digestOfFile = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
};

/** Two blocks of zeros: an archive of nothing. */
const emptyTar = (): Buffer => Buffer.alloc(1_024);
