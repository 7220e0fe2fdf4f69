/**
 * Brings up the NestJS application of a process: one HTTP server and one gRPC server for all its functions. The only
 * file that knows how Nest is put together; loaded lazily, so that tools importing the kit do not load Nest.
 */
import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { management } from '@mitosis/contracts';
import { assertGuarded, RefusalLog, type TlsIdentity } from '@mitosis/identity';
import { Module, type DynamicModule, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Logger } from '../logger.js';
import type { GrpcService } from '../service.js';
import { ErrorFilter } from './error.filter.js';
import { GrpcTransport } from './grpc-transport.js';
import { listenForHttp, type EdgeGuard } from './guarded-edge.js';
import { HttpController } from './http.controller.js';
import { ManagementController } from './management.controller.js';
import { PROCESS_STATE, type ProcessState } from './process-state.js';

export interface EdgeOptions {
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly state: ProcessState;
  readonly modules: readonly DynamicModule[];
  readonly grpc: Readonly<Record<string, GrpcService>>;
  readonly log: Logger;
  /** Certificate of this process; null: without TLS, for loopback. */
  readonly identity: TlsIdentity | null;
}

export interface Edge {
  /** `host:port` as bound. */
  readonly grpc: string;
  readonly http: string;
  close(): Promise<void>;
}

@Module({})
class EdgeModule {
  static with(state: ProcessState, modules: readonly DynamicModule[]): DynamicModule {
    return {
      module: EdgeModule,
      imports: [...modules],
      controllers: [HttpController, ManagementController],
      providers: [{ provide: PROCESS_STATE, useValue: state }],
    };
  }
}

export const openEdge = async (options: EdgeOptions): Promise<Edge> => {
  const { host, state, log, identity } = options;
  assertGuarded(host, identity !== null);
  const guard = identity === null ? null : guardOf(identity, log);
  const app = await NestFactory.create<NestExpressApplication>(EdgeModule.with(state, options.modules), {
    logger: nestLogger(log),
    abortOnError: false,
    bodyParser: false,
  });
  app.disable('x-powered-by');
  app.useGlobalFilters(new ErrorFilter(log));
  const transport = new GrpcTransport({
    host,
    port: options.grpcPort,
    guard,
    services: { Management: management.ManagementService, ...options.grpc },
    // The directory answers at once; a function's own service needs its shell.
    serves: (service) => service === 'Management' || state.serves(),
  });
  app.connectMicroservice({ strategy: transport }, { inheritAppConfig: true });
  await app.startAllMicroservices();
  const http = await listenHttp(app, guard, { host, port: options.httpPort });
  return {
    grpc: addressOf(host, transport.port),
    http: addressOf(host, http.port),
    close: async () => {
      http.close();
      app.getHttpServer().closeAllConnections();
      await app.close();
    },
  };
};

const guardOf = (identity: TlsIdentity, log: Logger): EdgeGuard => ({
  identity,
  refusals: new RefusalLog({ tell: (line) => log.warn({ ...line }, 'a client was refused') }),
});

const listenHttp = async (
  app: NestExpressApplication,
  guard: EdgeGuard | null,
  at: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number; close(): void }> => {
  if (guard === null) {
    await app.listen(at.port, at.host);
    return { port: portOf(app.getHttpServer()), close: () => undefined };
  }
  await app.init();
  return listenForHttp(app.getHttpServer(), guard, at);
};

const addressOf = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const portOf = (server: HttpServer): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

/** Nest tells every route it maps; only its warnings and errors are news. */
const nestLogger = (log: Logger): LoggerService => ({
  log: () => {},
  debug: () => {},
  verbose: () => {},
  warn: (message: unknown) => log.warn({}, String(message)),
  error: (message: unknown, trace?: unknown) => log.error({ trace }, String(message)),
  fatal: (message: unknown, trace?: unknown) => log.error({ trace }, String(message)),
});
