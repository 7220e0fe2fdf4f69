/** The agent's decisions, which the simulation's hosts take, too. */
export { judgeAct, type FenceVerdict } from './fence.js';
export { portCandidates, restPorts, type RestingPort } from './ports.js';
export { decideRestart } from './restart.js';
export { fillTemplate } from './template.js';
export { keptTombstones, type Tombstone } from './tombstones.js';
export { INITIAL_PROBE_STATE, nextProbeMs, takeProbeResult, type ProbeState } from './verdict.js';
