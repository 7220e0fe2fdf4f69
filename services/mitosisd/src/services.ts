/**
 * Every service that can run in this process, by the function it is. Adding one is one line; the compiler holds this
 * record against the one list of services in contracts.
 */
import { isFunctionName, SERVICES, FUNCTION_NAMES, type FunctionName } from '@mitosis/contracts';
import type { ServiceDefinition } from '@mitosis/service-kit';

/** Loaded only when asked for: a manager does not carry the router's code, nor the other way round. */
export const DEFINITIONS = {
  monitor: async () => (await import('@mitosis/monitor')).monitorService,
  health: async () => (await import('@mitosis/health')).healthService,
  autoscaler: async () => (await import('@mitosis/autoscaler')).autoscalerService,
  composer: async () => (await import('@mitosis/composer')).composerService,
  placer: async () => (await import('@mitosis/placer')).placerService,
  router: async () => (await import('@mitosis/router')).routerService,
} as const satisfies Record<FunctionName, () => Promise<ServiceDefinition>>;

export type Choice =
  | { readonly kind: 'functions'; readonly functions: readonly FunctionName[] }
  | { readonly kind: 'mistake'; readonly message: string };

/** What `--functions` and, without it, MITOSIS_FUNCTIONS say; without both all that share a process by default. */
export const chooseFunctions = (argument: string | undefined, variable: string | undefined): Choice => {
  const [source, value] =
    argument === undefined ? ['MITOSIS_FUNCTIONS', variable ?? ''] : ['--functions', argument];
  const names = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0 && argument === undefined) return { kind: 'functions', functions: inManager() };
  const functions = names.filter(isFunctionName);
  const unknown = names.filter((name) => !isFunctionName(name));
  if (names.length > 0 && unknown.length === 0)
    return { kind: 'functions', functions: [...new Set(functions)] };
  const what = names.length === 0 ? 'names no function' : `names unknown functions: ${unknown.join(', ')}`;
  return {
    kind: 'mistake',
    message: `${source} ${what}; expected a list out of ${FUNCTION_NAMES.join(', ')}`,
  };
};

const inManager = (): readonly FunctionName[] => FUNCTION_NAMES.filter((name) => SERVICES[name].inManager);
