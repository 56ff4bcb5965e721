import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChildServer } from './child-server.ts';
import { freePort } from './free-port.ts';
import { closedAtTestEnd } from './lifetime.ts';
import { tempFolder } from './temp-folder.ts';

interface Proxy {
  port: number;
  /** The requests that its log shows, such as `CONNECT 127.0.0.1:8443 HTTP/1.1`. */
  requests(): string[];
  log(): string;
}

/** A real HTTP proxy (tinyproxy) on loopback for the running test. */
export async function startProxy(credentials?: { user: string; password: string }): Promise<Proxy> {
  const folder = tempFolder();
  const port = await freePort();
  const logFile = join(folder, 'log');
  const lines = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Allow 127.0.0.1',
    'Timeout 60',
    'MaxClients 50',
    'LogLevel Connect',
    `LogFile "${logFile}"`,
    `PidFile "${join(folder, 'pid')}"`,
    ...(credentials === undefined ? [] : [`BasicAuth ${credentials.user} ${credentials.password}`]),
  ];
  const configFile = join(folder, 'conf');
  writeFileSync(configFile, `${lines.join('\n')}\n`);
  const server = closedAtTestEnd(new ChildServer(port, 'tinyproxy', ['-d', '-c', configFile]));
  await server.start();
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  return {
    port,
    log,
    requests: () =>
      [...log().matchAll(/Request \(file descriptor \d+\): (.*)/g)].map((match) => match[1] ?? ''),
  };
}
