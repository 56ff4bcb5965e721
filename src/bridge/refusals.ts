import { DrawbridgeError } from '../errors.ts';

/** What the bridge itself says, where it is not the remote's word that counts. */
export const refusals = {
  shuttingDown: () =>
    new DrawbridgeError('shutting-down', 'The bridge is shutting down; the request may or may not have run.'),
  toolFiltered: () =>
    new DrawbridgeError(
      'tool-filtered',
      'This tool is switched off in the configuration (--allow-tool, --ignore-tool).',
    ),
  noWayIn: () =>
    new DrawbridgeError(
      'invalid-params',
      'Nothing has been agreed on yet: send "initialize" first, or say in _meta which protocol revision the request is of.',
    ),
  noDiscovery: () => new DrawbridgeError('unknown-method', 'Method not found: server/discover'),
  lostInBridge: () =>
    new DrawbridgeError('internal', 'The request was sent, and its answer was lost in the bridge.'),
  tooManyRequests: () =>
    new DrawbridgeError('overloaded', 'Too many requests wait for the server; try again later.'),
  tooManyOfServer: () =>
    new DrawbridgeError('overloaded', 'Too many requests of the server wait for the client.'),
  tooLargeForServer: () =>
    new DrawbridgeError('too-large', 'The answer of the client is too large for the bridge.'),
};
