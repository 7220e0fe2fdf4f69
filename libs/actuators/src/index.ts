export * from './actuator.js';
export * from './durable-file.js';
export * from './launcher/connect-agent.js';
export * from './launcher/ensure-agent.js';
export * from './launcher/program-hash.js';
export * from './launcher/host-paths.js';
export * from './launcher/lock.js';
export * from './process/log-file.js';
export * from './process/process-actuator.js';
export {
  isAlive,
  listPids,
  readBootId,
  readEnvironment,
  readMarkedEnvironment,
  readStat,
  signalProcess,
  type ProcessIdentity,
} from './process/process-table.js';
export { markOf, scanProcesses, type Mark, type ScannedProcess } from './process/members.js';
export { logPath } from './process/shim.js';
export { DockerActuator, type DockerActuatorOptions } from './docker/docker-actuator.js';
export { DEFAULT_SOCKET, parseEngineAddress, type EngineSettings } from './docker/engine-address.js';
export type { RunContainer } from './docker/run-container.js';
