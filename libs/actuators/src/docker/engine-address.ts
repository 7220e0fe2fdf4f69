/** Where a Docker engine listens, as `DOCKER_HOST` says it: a socket of this machine, TCP with or without TLS, ssh. Pure. */
import { MitosisError } from '@mitosis/contracts';

export type EngineAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: TlsFiles | null }
  /** Through `ssh … docker system dial-stdio`, as the docker command does it. */
  | { readonly kind: 'ssh'; readonly target: string; readonly port: string };

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface EngineSettings {
  /** `DOCKER_HOST`; empty: the usual socket. */
  readonly host: string;
  /** `DOCKER_CERT_PATH`: folder with ca.pem, cert.pem and key.pem; empty: none, and then no TLS. */
  readonly certPath: string;
}

export const DEFAULT_SOCKET = '/var/run/docker.sock';
const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

/** Throws MitosisError `invalid_input`. */
export const parseEngineAddress = ({ host, certPath }: EngineSettings): EngineAddress => {
  if (host === '') return { kind: 'unix', path: DEFAULT_SOCKET };
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(host) ?? [];
  switch (scheme) {
    case 'unix':
      if (!rest.startsWith('/')) throw wrong(host, 'a path is missing');
      return { kind: 'unix', path: rest };
    case 'tcp':
    case 'http':
    case 'https':
      return tcpAddress(host, rest, certPath, scheme === 'https');
    case 'ssh':
      return sshAddress(host, rest);
    default:
      throw wrong(host, scheme === '' ? 'it names no scheme' : `"${scheme}" is no scheme`);
  }
};

const wrong = (host: string, why: string): MitosisError =>
  new MitosisError(
    'invalid_input',
    `DOCKER_HOST is ${host}: ${why}; write unix:///var/run/docker.sock, tcp://HOST:2376 or ssh://USER@HOST`,
  );

const tcpAddress = (whole: string, rest: string, certPath: string, mustTls: boolean): EngineAddress => {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  if (host === '') throw wrong(whole, 'the host is missing');
  if (mustTls && certPath === '')
    throw wrong(whole, 'set DOCKER_CERT_PATH to the folder of its certificates');
  const tls =
    certPath === ''
      ? null
      : { ca: `${certPath}/ca.pem`, cert: `${certPath}/cert.pem`, key: `${certPath}/key.pem` };
  return { kind: 'tcp', host, port: Number(digits ?? (tls === null ? PLAIN_PORT : TLS_PORT)), tls };
};

const sshAddress = (whole: string, rest: string): EngineAddress => {
  const [, target = '', port = ''] = /^([^:/]+)(?::(\d+))?\/?$/.exec(rest) ?? [];
  // What begins with a dash would be an option of ssh.
  if (target === '' || target.startsWith('-')) throw wrong(whole, 'the host is missing');
  return { kind: 'ssh', target, port };
};

/** True when what the engine runs are processes of this machine, whose addresses this machine reaches. */
export const isLocal = (address: EngineAddress): boolean => address.kind === 'unix';

/** The engine's host, where ports of its containers are reached; undefined: this machine. */
export const hostOfEngine = (address: EngineAddress): string | undefined => {
  switch (address.kind) {
    case 'unix':
      return undefined;
    case 'tcp':
      return address.host;
    case 'ssh':
      return address.target.slice(address.target.indexOf('@') + 1);
    default:
      return address satisfies never;
  }
};

export const spellAddress = (address: EngineAddress): string => {
  switch (address.kind) {
    case 'unix':
      return `unix://${address.path}`;
    case 'tcp':
      return `tcp://${address.host}:${address.port}`;
    case 'ssh':
      return `ssh://${address.target}${address.port === '' ? '' : `:${address.port}`}`;
    default:
      return address satisfies never;
  }
};
