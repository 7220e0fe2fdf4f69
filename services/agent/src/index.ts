export { readAgentConfig, type AgentConfig } from './agent.config.js';
export { runAgent, type RunningAgent } from './serve/run-agent.js';
