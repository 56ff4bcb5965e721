import type { Readable, Writable } from 'node:stream';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { HttpClient } from '../platform/http-client.ts';
import type { RemoteTransport, TransportOptions } from '../remote/transport.ts';
import type { Settings } from '../settings.ts';
import type { EraMemory } from './era/era-file.ts';
import type { ServerMemory } from './server-memory.ts';

export interface BridgeOptions {
  settings: Settings;
  client: HttpClient;
  authorizer: Authorizer;
  /** Makes the transport to begin with. */
  createTransport: (options: TransportOptions) => RemoteTransport;
  /** Where the server's answer to `initialize` is kept; undefined: nowhere. */
  memory?: ServerMemory | undefined;
  /** Where it is kept which era the server is of; undefined: nowhere. */
  eraMemory?: EraMemory | undefined;
  log: Logger;
  input: Readable;
  output: Writable;
  /** The client has gone: it closed its end, or the bridge can't go on. */
  onEnd: (cause: 'stdin-closed' | 'stdout-closed' | DrawbridgeError) => void;
}
