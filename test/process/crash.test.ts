import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bridgeFile } from '../support/bridge-command.ts';
import { runBridge } from '../support/bridge-process.ts';
import { callEcho, echoed, initialize, oauthStage } from '../support/oauth-stage.ts';
import { findSecrets } from '../support/signed-in.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** The third request of the program fails in a way that nobody foresees, its error full of what was being worked on. */
const bomb = `
const http = require('node:http');
const request = http.request;
let count = 0;
http.request = (options, ...rest) => {
  if (options?.headers?.Authorization && ++count === 3)
    setImmediate(() => { throw new TypeError('boom ' + JSON.stringify(options.headers)); });
  return request(options, ...rest);
};
`;

test('an unforeseen failure while tokens are in use ends the bridge, and tells none of them [T113]', async () => {
  const stage = await oauthStage();
  await stage.signIn();
  const file = join(tempFolder(), 'bomb.cjs');
  writeFileSync(file, bomb);
  const args = ['-r', file, bridgeFile, stage.url, '--log-level', 'trace'];
  const bridge = runBridge({ command: process.execPath, args, env: stage.setup.env });
  expect(await initialize(bridge)).toHaveProperty('result');
  bridge.notify('notifications/initialized');
  for (let calls = 0; calls < 3; calls++) {
    bridge.send({
      jsonrpc: '2.0',
      id: `c${calls}`,
      method: 'tools/call',
      params: { name: 'echo', arguments: {} },
    });
  }
  const { code } = await bridge.exitWithin(5_000);
  expect(code).toBe(1);
  expect(bridge.stderr).toContain('unexpected failure');
  expect(bridge.stderr).toContain('TypeError');
  expect(bridge.stderr).not.toContain('boom');
  const output = bridge.stdout.lines.join('\n');
  expect(findSecrets(stage.server.secretsSeen(), stage.setup.home, output, bridge.stderr)).toEqual([]);
  // The next one finds everything as it was.
  const next = await stage.connect();
  expect((await callEcho(next)).result).toEqual(echoed);
});
