import { IssuerMemory } from '../../authorization/issuer-memory.ts';
import { SIGN_IN_GATE } from '../../authorization/sign-in/task.ts';
import { connectionsIn, identityProvidersOf, type SignedOut, signOut } from '../../authorization/sign-out.ts';
import { StoredServerMemory } from '../../bridge/stored-server-memory.ts';
import { connectionId } from '../../credentials/ids.ts';
import { hasMcpRemoteSignIn } from '../../credentials/import-mcp-remote.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { stateFolder } from '../../platform/paths.ts';
import type { NetworkSettings, Settings } from '../../settings.ts';
import { buildSettings } from '../build-settings.ts';
import { createLogger } from '../create-logger.ts';
import { environmentName, type OptionValues, options } from '../options.ts';
import { forgetAllEras, forgetEra } from './forget-eras.ts';
import { openKeptStore } from './kept-store.ts';
import { connectionName, hostOf, keptIdentityProvider, revocationText } from './logout-text.ts';

/** The user has said no. */
const DECLINED = 1;

export interface LogoutRequest {
  /** Undefined with `all`. */
  url: string | undefined;
  all: boolean;
  /** Not to be asked. */
  yes: boolean;
  /** Options of the bridge. */
  given: OptionValues;
}

/**
 * `logout`: deletes what is stored of one connection, or of all, and revokes it at the authorization servers, as far as
 * they can be reached and offer that. What is stored goes in any case.
 *
 * @returns the exit code
 * @throws DrawbridgeError `usage`; `credential-store` where something can't be deleted
 */
export async function runLogout({ url, all, yes, given }: LogoutRequest): Promise<number> {
  if (all === (url !== undefined))
    throw new DrawbridgeError('usage', 'logout wants either the URL of a server or --all; see --help.');
  if (all && given.profile !== undefined)
    throw new DrawbridgeError('usage', '--all is for every profile; leave out --profile.');
  const env = ownEnvironment(process.env);
  // With --all it is for every server what it is for any.
  const settings = buildSettings(url ?? 'https://localhost', { ...given, 'allow-http': true }, env);
  const log = createLogger({ level: 'warn', format: 'text' });
  const folder = await stateFolder(env);
  const logout = new Logout(openKeptStore(folder, settings.store, log), folder, log);
  try {
    return await (all ? logout.all(yes, settings.network) : logout.one(settings));
  } finally {
    await log.flush();
  }
}

/** Without the variables of options that it does not take: what they want besides is not there to be given. */
function ownEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = options
    .filter(({ name }) => !usedOptions.has(name))
    .map(({ name }) => environmentName(name));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !others.includes(name)));
}

const usedOptions = new Set(['profile', 'store', 'connect-timeout', 'ca-file', 'ipv4']);

class Logout {
  readonly #store: CredentialStore;
  readonly #folder: string;
  readonly #log: Logger;
  /** Why nothing can be read, where that is so. */
  #locked: DrawbridgeError | undefined;

  /** @param folder where all that the program keeps is */
  constructor(store: CredentialStore, folder: string, log: Logger) {
    this.#store = store;
    this.#folder = folder;
    this.#log = log;
  }

  async one(settings: Settings): Promise<number> {
    const { url, signIn, network } = settings;
    const name = connectionName({ server: url.href, profile: signIn.profile });
    const connection = connectionId(url.href, signIn.profile);
    const isStored = connectionsIn(this.#store).includes(connection);
    const isImportable = hasMcpRemoteSignIn(settings, this.#log);
    forgetEra(this.#folder, url.href, signIn.profile);
    if (!isStored && !isImportable) {
      say(`Nothing is stored for ${name}.`);
      return 0;
    }
    await this.#unlock();
    let isKept = false;
    const done = await signOut(this.#store, connection, async () => {
      isKept = !(await this.#endImport(url.href, signIn.profile)) && isImportable;
    });
    await this.#forgetServers([{ server: url.href, profile: signIn.profile }], done.records);
    say(isStored ? `Signed out of ${name}: its credentials are deleted.` : `Nothing is stored for ${name}.`);
    if (isImportable)
      say(
        isKept
          ? 'mcp-remote keeps a sign-in for it too, which the next bridge may take over; delete that in ~/.mcp-auth.'
          : 'What mcp-remote keeps for it stays where it is, and is not taken over.',
      );
    this.#sayUnread(done);
    const records = [...done.records, ...(await this.#endIdentityProviders(done.records))];
    await this.#revoke(records, network, records);
    return 0;
  }

  async all(yes: boolean, network: NetworkSettings): Promise<number> {
    const store = this.#store;
    const connections = connectionsIn(store);
    const rest = (['client', 'attempts', 'issuer'] as const).flatMap((kind) => store.list(kind));
    if (connections.length + rest.length === 0) {
      forgetAllEras(this.#folder);
      say('Nothing is stored.');
      return 0;
    }
    if (!yes) {
      const { confirm } = await import('./confirm.ts');
      const answer = await confirm(
        `Sign out of ${counted(connections.length)}, and delete all that is stored?`,
      );
      if (answer === undefined)
        throw new DrawbridgeError('usage', 'logout --all needs --yes where there is no terminal to ask on.');
      if (!answer) {
        say('Nothing was deleted.');
        return DECLINED;
      }
    }
    forgetAllEras(this.#folder);
    await this.#unlock();
    const settled = await Promise.allSettled(
      connections.map((connection) =>
        signOut(store, connection, async ([record]) => {
          if (record) await this.#endImport(record.server, record.profile);
        }),
      ),
    );
    const done = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const records = done.flatMap((one) => one.records);
    await this.#forgetServers(records, records);
    say(
      `Signed out of ${counted(done.length)}: ${done.length === 1 ? 'its' : 'their'} credentials are deleted.`,
    );
    for (const one of done) this.#sayUnread(one);
    await this.#revoke(records, network, undefined);
    for (const kind of ['client', 'attempts', 'issuer'] as const)
      for (const id of store.list(kind)) await store.delete(kind, id);
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    return 0;
  }

  /** The sign-in at an identity provider would give the next bridge a new token unasked; others may still need it. */
  async #endIdentityProviders(gone: readonly ConnectionRecord[]): Promise<ConnectionRecord[]> {
    const ended: ConnectionRecord[] = [];
    for (const { server, profile, uses } of identityProvidersOf(this.#store, gone)) {
      const name = connectionName({ server, profile });
      if (uses > 0) {
        say(keptIdentityProvider(server, name, profile, uses));
        continue;
      }
      const { records } = await signOut(this.#store, connectionId(server, profile), async () => {});
      if (records.length > 0)
        say(`Signed out of ${name} as well, the identity provider, which nothing else is used through.`);
      ended.push(...records);
    }
    return ended;
  }

  /** Without the key everything can still be deleted, but nothing be read. */
  async #unlock(): Promise<void> {
    try {
      await this.#store.unlock();
    } catch (error) {
      this.#locked = asDrawbridgeError(error);
    }
  }

  /** @returns whether it is sure that no sign-in of mcp-remote's takes the place of this one */
  async #endImport(server: string, profile: string): Promise<boolean> {
    if (this.#locked) return false;
    const { endImport } = await import('../../authorization/sign-in/adopt-mcp-remote.ts');
    return endImport(this.#store, server, profile).then(
      () => true,
      (error: unknown) => {
        this.#log.warn('import not ended', { reason: asDrawbridgeError(error).reason });
        return false;
      },
    );
  }

  async #forgetServers(
    connections: readonly { server: string; profile: string }[],
    records: readonly ConnectionRecord[],
  ): Promise<void> {
    for (const { server, profile } of connections)
      await new StoredServerMemory(this.#store, server, profile, this.#log).forget();
    for (const { issuer, server } of records) await new IssuerMemory(this.#store, issuer, server).forget();
  }

  #sayUnread({ unread }: SignedOut): void {
    if (unread === 0) return;
    const why = this.#locked?.message ?? 'This version of mcp-drawbridge could not read them.';
    say(`They were deleted unread, so nothing could be revoked. ${why}`);
  }

  /** @param gone the connections whose registrations may be left over; undefined: any may be */
  async #revoke(
    records: readonly ConnectionRecord[],
    network: NetworkSettings,
    gone: readonly ConnectionRecord[] | undefined,
  ): Promise<void> {
    if (this.#locked) return;
    const { Revoker } = await import('./revoke.ts');
    const revoker = new Revoker(network);
    const results = await Promise.all(records.map((record) => revoker.revoke(record)));
    for (const [index, result] of results.entries()) {
      const record = records[index] as ConnectionRecord;
      const about = records.length > 1 ? `${connectionName(record)}: ` : '';
      say(about + revocationText(record, result, Date.now()));
    }
    // Where the server was not to be reached, another request would only take time.
    const silent = new Set(
      records.filter((_, index) => results[index]?.kind === 'failed').map(({ issuer }) => issuer),
    );
    await this.#unregister(revoker, gone, silent);
  }

  async #unregister(
    revoker: { unregister: import('./revoke.ts').Revoker['unregister'] },
    gone: readonly ConnectionRecord[] | undefined,
    silent: ReadonlySet<string>,
  ): Promise<void> {
    // A sign-in that is under way may have taken the client from the store.
    const signIn = await this.#store.follow(SIGN_IN_GATE);
    signIn?.close();
    if (signIn) return;
    try {
      const { unusedRegistrations } = await import('../../authorization/unused-registrations.ts');
      const unused = unusedRegistrations(this.#store, gone).filter(
        ({ record }) => !silent.has(record.issuer),
      );
      await Promise.all(
        unused.map(async (one) => {
          if (!(await revoker.unregister(one))) return;
          await this.#store.delete('client', one.id);
          say(`The registration of this program at ${hostOf(one.record.issuer)} is deleted.`);
        }),
      );
    } catch (error) {
      this.#log.warn('registrations left as they are', { reason: asDrawbridgeError(error).reason });
    }
  }
}

function counted(connections: number): string {
  return connections === 1 ? '1 connection' : `${connections} connections`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
