import type { Socket } from 'node:net';
import type { NetworkSettings } from '../settings.ts';
import { openTransport } from './http-client.ts';

/**
 * Connects by TLS to a server that is not trusted, only to see who it says it is. Nothing is sent: the connection is
 * ended as soon as it stands.
 *
 * @param look gets the socket at that moment
 * @returns what `look` gave; undefined where there was no connection in time
 */
export async function withUnverifiedPeer<T>(
  url: URL,
  settings: NetworkSettings,
  look: (socket: Socket) => T,
): Promise<T | undefined> {
  const transport = await openTransport(url, { ...settings, keepAlive: 0 });
  const tls = { ...transport.tls, rejectUnauthorized: false };
  return new Promise((resolve) => {
    // Never ended, so its headers stay here.
    const request = transport.request({
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      method: 'HEAD',
      agent: transport.agent,
      ...(settings.ipv4Only && { family: 4 }),
      ...tls,
    });
    const timer = setTimeout(() => end(undefined), settings.connectTimeout);
    const end = (result: T | undefined): void => {
      clearTimeout(timer);
      request.destroy();
      resolve(result);
    };
    request.on('error', () => end(undefined));
    request.once('socket', (socket: Socket) => {
      const isSecured = !socket.connecting && 'secureConnecting' in socket && !socket.secureConnecting;
      if (isSecured) end(look(socket));
      else socket.once('secureConnect', () => end(look(socket)));
    });
  });
}
