/** One connection to a target, for what is no plain request: TCP listeners and upgrades. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Target } from '../decide/table.js';

export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly ca: string;
}

/** Calls `done` once: with the connected socket, or with the error that kept it from being one. Answers how to give it up. */
export const connectTarget = (
  target: Target,
  options: ConnectOptions,
  done: (result: Socket | Error) => void,
): (() => void) => {
  const { host, port } = target;
  const socket = target.tls
    ? connectTls({
        host,
        port,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(options.ca === '' ? {} : { ca: options.ca }),
        ALPNProtocols: ['http/1.1'],
      })
    : connectTcp({ host, port, allowHalfOpen: true, noDelay: true });
  const settle = (result: Socket | Error): void => {
    clearTimeout(timer);
    socket.off('error', settle).off('connect', onConnected).off('secureConnect', onConnected);
    // An error after the verdict is of no interest any more, but must not be thrown.
    if (result !== socket) socket.on('error', () => undefined).destroy();
    done(result);
  };
  const onConnected = (): void => settle(socket);
  const timer = setTimeout(
    () => settle(new Error(`no connection within ${options.timeoutMs} ms`)),
    options.timeoutMs,
  );
  socket.once('error', settle).once(target.tls ? 'secureConnect' : 'connect', onConnected);
  return () => {
    clearTimeout(timer);
    socket.off('error', settle).off('connect', onConnected).off('secureConnect', onConnected);
    socket.on('error', () => undefined).destroy();
  };
};
