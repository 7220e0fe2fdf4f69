/**
 * What a service package exports: one definition, used by its own `main.ts` and by `mitosisd`. Adding a service to a
 * process is one entry in a list of these. Nest-free at run time, so that tools can import the kit cheaply.
 */
import type { FunctionName } from '@mitosis/contracts';
import type { ServiceDefinition as GrpcServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { DynamicModule } from '@nestjs/common';
import type { FunctionShell } from './function.js';
import type { Setting } from './settings.js';

export type GrpcService = GrpcServiceDefinition<UntypedServiceImplementation>;

export interface ServiceDefinition {
  readonly name: FunctionName;
  /**
   * The generated gRPC services its controllers serve, by the name they use in `@GrpcMethod`, for example
   * `{ Monitor: monitor.MonitorService }`. `Management` is served by the kit.
   */
  readonly grpc: Readonly<Record<string, GrpcService>>;
  /** Settings of its own beside `PROCESS_SETTINGS`: what `readSettings` is called with; its page lists them. */
  readonly settings?: Readonly<Record<string, Setting<unknown>>>;
  /** Names of what it shows at `/metrics` beside what every service does; its page lists them. */
  readonly metrics?: readonly string[];
  /** Longest time `shell.stop` may take when the process is told to end; default 3,000 ms. The router drains in it. */
  readonly stopBoundMs?: number;
  /** Makes the shell and the module whose controllers are its edge; called once per process. */
  create(): ServiceInstance;
}

export interface ServiceInstance {
  readonly shell: FunctionShell;
  /**
   * Controllers get what they need by explicit `@Inject(TOKEN)`; the module provides the shell itself as a value, e.g.
   * `{ module: MonitorModule, controllers: [MonitorController], providers: [{ provide: MONITOR, useValue: shell }] }`.
   */
  readonly module: DynamicModule;
}
