/**
 * Fills a specification with what only the agent knows. Known placeholders are replaced, everything else in double braces
 * is the user's own and stays.
 */
import type { agent } from '@mitosis/contracts';

export interface TemplateValues {
  readonly id: string;
  readonly host: string;
  readonly data: string;
  readonly incarnation: string;
  readonly ports: Readonly<Record<string, number>>;
  /** Of a birth; undefined: the placeholder stays. */
  readonly etcd?: string;
  readonly 'initial-cluster'?: string;
}

export const fillTemplate = (text: string, values: TemplateValues): string =>
  text.replaceAll(/\{\{(port:[^{}]+|[a-z-]+)\}\}/g, (whole, name: string) => {
    if (name.startsWith('port:')) return values.ports[name.slice('port:'.length)]?.toString() ?? whole;
    switch (name) {
      case 'id':
      case 'host':
      case 'data':
      case 'incarnation':
      case 'etcd':
      case 'initial-cluster':
        return values[name] ?? whole;
      default:
        return whole;
    }
  });

const envName = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');

/** What an instance is told besides its own environment; the specification's own values win over these. */
export const addressEnvironment = (
  requests: readonly agent.PortRequest[],
  ports: Readonly<Record<string, number>>,
  host: string,
): Record<string, string> => {
  const [first] = requests;
  return {
    HOST: host,
    ...(first === undefined ? {} : { PORT: String(ports[first.name] ?? '') }),
    ...Object.fromEntries(
      requests.map(({ name }) => [`PORT_${envName(name)}`, String(ports[name] ?? '')] as const),
    ),
  };
};
