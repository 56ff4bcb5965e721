import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Authorizer } from '../authorization/authorizer.ts';
import { LazyAuthorizer } from '../authorization/lazy-authorizer.ts';
import { Bridge, type BridgeOptions } from '../bridge/bridge.ts';
import { EraFile, type EraMemory } from '../bridge/era/era-file.ts';
import type { ServerMemory } from '../bridge/server-memory.ts';
import { asDrawbridgeError, type DrawbridgeError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { HttpClient } from '../platform/http-client.ts';
import { watchForEnd } from '../platform/lifetime.ts';
import { StreamableHttp } from '../remote/streamable-http.ts';
import type { Settings } from '../settings.ts';
import { createLogger } from './create-logger.ts';
import type { OAuthConnection } from './oauth-connection.ts';

/** Requests that run when the client closes stdin may still be answered within this time, in milliseconds. */
const DRAIN = 2_000;

/**
 * Runs the bridge on stdin and stdout until the client goes.
 *
 * @param notes what is to be told of the options, at the level debug
 * @returns the exit code (CLI.md, "Exit codes")
 * @throws DrawbridgeError where it can't even start
 */
export async function runBridge(settings: Settings, notes: readonly string[] = []): Promise<number> {
  const log = createLogger(settings.log);
  if (settings.log.file !== undefined) await log.open();
  for (const value of Object.values(settings.headers)) log.protect(value);
  for (const note of notes) log.debug(note);

  const { authorizer, memory } = await createAuthorizer(settings, log);
  const eraMemory = await openEraMemory(settings);
  const client = await HttpClient.create(settings.url, settings.network);
  const beginsWithSse = settings.transport === 'sse' || (settings.transport === 'auto' && settings.sseFirst);
  const Transport = beginsWithSse ? (await import('../remote/http-sse.ts')).HttpSse : StreamableHttp;
  const exitCode = await new Promise<number>((resolve) => {
    let ending = false;
    const end = async (code: number, patience: number): Promise<void> => {
      if (patience === 0) bridge.hurry();
      if (ending) return;
      ending = true;
      await Promise.all([authorizer.close(), bridge.close(patience)]).catch((error) =>
        log.error('shutdown failed', { reason: asDrawbridgeError(error).reason }),
      );
      resolve(code);
    };
    const onEnd: BridgeOptions['onEnd'] = (cause) => {
      if (cause === 'stdin-closed') return void end(0, DRAIN);
      if (cause === 'stdout-closed') return void end(0, 0);
      log.error(cause.message, { reason: cause.reason });
      void end(cause.exitCode, 0);
    };
    const bridge = new Bridge({
      settings,
      client,
      authorizer,
      memory,
      eraMemory,
      createTransport: (given) => new Transport(given),
      log,
      input: process.stdin,
      output: process.stdout,
      onEnd,
    });
    watchForEnd((code) => void end(code, 0));
    process.on('uncaughtException', (error) => {
      try {
        log.error('unexpected failure', describeCrash(error));
      } catch {
        // The end is more important than its record.
      }
      void end(1, 0);
    });
  });
  await log.flush();
  return exitCode;
}

/** By the user's own header or command where there is one, else by OAuth (CLI.md, `--header`). */
async function createAuthorizer(
  settings: Settings,
  log: Logger,
): Promise<{ authorizer: Authorizer; memory?: ServerMemory }> {
  if (Object.keys(settings.headers).some((name) => name.toLowerCase() === 'authorization'))
    return { authorizer: new (await import('../authorization/own-header.ts')).OwnHeader(settings) };
  if (settings.tokenCommand) {
    const { TokenCommand } = await import('../authorization/token-command.ts');
    const authorizer = new TokenCommand(settings.tokenCommand, log);
    // It runs while the client is still speaking; a failure is told to the request that needs the token.
    void Promise.resolve(authorizer.credential()).catch((error: DrawbridgeError) => log.debug(error.message));
    return { authorizer };
  }
  const { stateFolder } = await import('../platform/paths.ts');
  const folder = await stateFolder(process.env);
  let connection: OAuthConnection | undefined;
  const authorizer = new LazyAuthorizer(
    async () => {
      const { openOAuthConnection } = await import('./oauth-connection.ts');
      connection = await openOAuthConnection(settings, folder, log);
      return connection.authorizer;
    },
    isSignedIn(folder, settings),
  );
  const memory: ServerMemory = {
    read: () => connection?.memory.read(),
    remember: (result) => connection?.memory.remember(result),
  };
  return { authorizer, memory };
}

/** A note for each connection, which is nobody's secret; none where the user wants nothing on the disk. */
async function openEraMemory({ url, era, signIn, store }: Settings): Promise<EraMemory | undefined> {
  if (era !== 'auto' || store.choice === 'memory') return undefined;
  try {
    const { stateFolder } = await import('../platform/paths.ts');
    return new EraFile(await stateFolder(process.env), url.href, signIn.profile);
  } catch {
    return undefined; // no home folder: what needs one for more than this will say so
  }
}

function isSignedIn(folder: string, { url, signIn, store }: Settings): Promise<boolean> | undefined {
  if (store.choice === 'memory' || !existsSync(join(folder, 'connections'))) return undefined;
  return import('../credentials/presence.ts').then(({ hasCredentials }) =>
    hasCredentials(folder, url.href, signIn.profile),
  );
}

/** Where it happened, without the message: that may quote what was being worked on. */
function describeCrash(error: Error): { name: string; at: string } {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { name: error.name, at: frames.slice(0, 5).join(' ').replace(/\s+/g, ' ') };
}
