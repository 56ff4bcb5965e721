import { chmodSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { adoptMcpRemote, endImport } from '../../../../src/authorization/sign-in/adopt-mcp-remote.ts';
import { findOwnConnections } from '../../../../src/credentials/apart.ts';
import { type ConnectionRecord, findConnections } from '../../../../src/credentials/record.ts';
import type { CredentialStore } from '../../../../src/credentials/store.ts';
import type { Settings, SignInSettings } from '../../../../src/settings.ts';
import { mcpRemoteFiles } from '../../../support/mcp-remote-files.ts';
import {
  connectionRecord,
  ISSUER,
  metadataDocument,
  newStore,
  SERVER,
  settingsFor,
  signInSettings,
  storeConnection,
} from '../../helpers/oauth-parts.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';
import { noAnswer, ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const PRM = 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
const METADATA = `${ISSUER}/.well-known/oauth-authorization-server`;
const OTHER = 'https://other.example';

let http: ScriptedOAuthHttp;
let store: CredentialStore;
let folder: string;
let logger: ReturnType<typeof recordingLogger>;
beforeEach(() => {
  http = new ScriptedOAuthHttp().on(METADATA, { json: metadataDocument() });
  names(ISSUER);
  ({ store, folder } = newStore());
  logger = recordingLogger();
});

/** From now on the MCP server names these. */
function names(...issuers: string[]): void {
  http.on(PRM, { json: { resource: SERVER, authorization_servers: issuers } });
}

/** Runs the import of these files. @returns what is stored then */
async function adopt(
  mcpRemote: string,
  signIn: Partial<SignInSettings> = {},
  more: Partial<Settings> = {},
): Promise<ConnectionRecord | undefined> {
  const settings = settingsFor(SERVER, signIn);
  const env = { MCP_REMOTE_CONFIG_DIR: mcpRemote };
  const all = { ...settings, ...more, network: { ...settings.network, env } };
  const isThere = await adoptMcpRemote(all, store, undefined, logger.log, http.http);
  const [found, ...others] = findConnections(store, SERVER, all.signIn.profile);
  expect(others).toEqual([]);
  expect(isThere).toBe(found !== undefined);
  return found?.record;
}

/** A sign-in whose files tell the issuer. */
function bound(changes: Parameters<typeof mcpRemoteFiles>[1] = {}): ReturnType<typeof mcpRemoteFiles> {
  const tokens = { issuer: ISSUER, expires_at: Date.now() + 3_600_000, ...changes.tokens };
  return mcpRemoteFiles('0.15.1', {
    url: SERVER,
    ...changes,
    tokens,
    client: { issuer: ISSUER, ...changes.client },
  });
}

/** One of a version that kept no issuer. */
function unbound(changes: Parameters<typeof mcpRemoteFiles>[1] = {}): ReturnType<typeof mcpRemoteFiles> {
  return mcpRemoteFiles('0.1.29', { url: SERVER, ...changes });
}

describe('a sign-in that is known to be of the issuer that the server names', () => {
  test('becomes ours, to be renewed by us; its files are left alone', async () => {
    const files = bound();
    const before = files.snapshot();
    const now = Date.now();
    const record = await adopt(files.folder);
    expect(record).toEqual({
      schema: 1,
      server: SERVER,
      profile: 'default',
      issuer: ISSUER,
      resource: SERVER,
      client: { id: files.client.client_id, authMethod: 'none', source: 'registered' },
      tokenEndpoint: `${ISSUER}/token`,
      tokenType: 'Bearer',
      accessToken: files.tokens.access_token,
      refreshToken: files.tokens.refresh_token,
      expiresAt: files.tokens.expires_at,
      scope: 'openid email profile',
      signedInAt: expect.any(Number),
      obtainedAt: expect.any(Number),
      importedFrom: 'mcp-remote',
    });
    expect(record?.signedInAt).toBeGreaterThanOrEqual(now);
    expect(record?.obtainedAt).toBeLessThan(now);
    expect(files.snapshot()).toEqual(before);
  });

  test('is asked for nothing: only metadata was read, and no secret is in a line of the log', async () => {
    const files = bound({
      client: { client_secret: 'canary-secret', token_endpoint_auth_method: 'client_secret_post' },
    });
    await adopt(files.folder);
    expect(http.places).toEqual([PRM, METADATA]);
    const { access_token, refresh_token } = files.tokens;
    expect(logger.secrets).toEqual(expect.arrayContaining([access_token, refresh_token, 'canary-secret']));
    expect(JSON.stringify(logger.lines)).not.toContain('canary');
    expect(logger.lines).toContainEqual({
      level: 'info',
      event: 'sign-in of mcp-remote imported',
      fields: { issuer: ISSUER, renewable: true },
    });
  });

  test('may be over: what renews it is what counts', async () => {
    const files = bound({ tokens: { expires_at: Date.now() - 86_400_000 } });
    expect(await adopt(files.folder)).toMatchObject({ refreshToken: files.tokens.refresh_token });
  });

  test('is also told by the client, as after a renewal by mcp-remote, and by JWTs', async () => {
    const renewed = bound({ tokens: { issuer: undefined } });
    expect(await adopt(renewed.folder)).toMatchObject({ refreshToken: renewed.tokens.refresh_token });
  });

  test('may be one of several that the server names, and that one is asked', async () => {
    names(OTHER, ISSUER);
    expect(await adopt(bound().folder)).toMatchObject({ issuer: ISSUER, tokenEndpoint: `${ISSUER}/token` });
    expect(http.places).toEqual([PRM, METADATA]);
  });

  test('takes a slash at the end of the issuer for none', async () => {
    expect(await adopt(bound({ tokens: { issuer: `${ISSUER}/` } }).folder)).toMatchObject({ issuer: ISSUER });
  });

  test.each([
    ['client_secret_post', ['client_secret_basic'], 'client_secret_post'],
    ['client_secret_basic', undefined, 'client_secret_basic'],
    [undefined, ['client_secret_post'], 'client_secret_post'],
    [undefined, undefined, 'client_secret_basic'],
  ])('keeps how the client proves itself: %s, %s', async (method, offered, expected) => {
    http.on(METADATA, { json: metadataDocument(ISSUER, { token_endpoint_auth_methods_supported: offered }) });
    const client = { client_secret: 's', client_secret_expires_at: 4e9, token_endpoint_auth_method: method };
    expect((await adopt(bound({ client }).folder))?.client).toEqual({
      id: expect.any(String),
      source: 'registered',
      authMethod: expected,
      secret: 's',
      secretExpiresAt: 4e12,
    });
  });

  test.each([
    { token_endpoint_auth_method: 'private_key_jwt' },
    { token_endpoint_auth_method: 'client_secret_basic' },
  ])('is of no use with a client that can not prove itself: %j', async (client) => {
    expect(await adopt(bound({ client }).folder)).toBeUndefined();
  });

  test('has the resource of the metadata, the one given, or none where nobody names one', async () => {
    expect(await adopt(bound().folder, { resource: null })).toMatchObject({ resource: null });
  });

  test('is taken from a server on whose own origin all is (MCP 2025-03-26)', async () => {
    const origin = 'https://mcp.example';
    http.on(PRM, { status: 404 });
    http.on(`${origin}/.well-known/oauth-authorization-server`, { json: metadataDocument(origin) });
    const files = bound({ tokens: { issuer: origin }, client: { issuer: origin } });
    expect(await adopt(files.folder)).toMatchObject({ issuer: origin, resource: null });
  });

  test('and that has no metadata at all', async () => {
    http.on(PRM, { status: 404 });
    const issuer = 'https://mcp.example/';
    expect(await adopt(bound({ tokens: { issuer }, client: { issuer } }).folder)).toMatchObject({
      issuer: 'https://mcp.example',
      tokenEndpoint: 'https://mcp.example/token',
    });
  });
});

describe('a refresh token goes to no authorization server that it may not be of [27, A-48, A-52]', () => {
  test('the server names another one now: nothing is taken, and nothing is sent there', async () => {
    names(OTHER);
    expect(await adopt(bound().folder)).toBeUndefined();
    expect(http.places).toEqual([PRM]);
  });

  test('the metadata of the server is gone: its own origin is another one', async () => {
    http.on(PRM, { status: 404 });
    expect(await adopt(bound().folder)).toBeUndefined();
  });

  test('the issuer is not known: the access token alone is taken, for the server that it was given for', async () => {
    const files = unbound({
      client: { client_secret: 'canary', token_endpoint_auth_method: 'client_secret_post' },
    });
    http.on(METADATA, { json: metadataDocument(ISSUER, { revocation_endpoint: `${ISSUER}/revoke` }) });
    const record = await adopt(files.folder);
    expect(record).toMatchObject({
      accessToken: files.tokens.access_token,
      client: { id: files.client.client_id, authMethod: 'none', source: 'registered' },
    });
    expect(record).not.toHaveProperty('refreshToken');
    expect(record).not.toHaveProperty('revocationEndpoint');
    expect(http.places).toEqual([PRM, METADATA]);
  });

  test('the issuer is not known, and the access token has ended: nothing is taken', async () => {
    expect(await adopt(unbound({ age: 3_600_000 - 30_000 }).folder)).toBeUndefined();
    expect(logger.lines.at(-1)).toMatchObject({ level: 'info', event: 'sign-in of mcp-remote not used' });
  });

  test('the issuer is not known, and the server names two', async () => {
    names(ISSUER, OTHER);
    expect(await adopt(unbound().folder)).toBeUndefined();
    names(ISSUER, ISSUER);
    expect(await adopt(unbound().folder)).toBeDefined();
  });

  test('a JWT of another issuer', async () => {
    const claims = Buffer.from(JSON.stringify({ iss: OTHER })).toString('base64url');
    expect(await adopt(unbound({ tokens: { access_token: `a.${claims}.c` } }).folder)).toBeUndefined();
  });

  test('a client that was registered after the tokens were given', async () => {
    const files = bound({ tokens: { issuer: undefined }, clientAge: 0 });
    expect(await adopt(files.folder)).toBeUndefined();
  });

  test('the metadata of the issuer calls itself otherwise', async () => {
    http.on(METADATA, { json: metadataDocument(OTHER) });
    expect(await adopt(bound().folder)).toBeUndefined();
  });
});

describe('the settings', () => {
  test('another profile is another account: nothing is taken', async () => {
    expect(await adopt(bound().folder, { profile: 'work' })).toBeUndefined();
    expect(http.places).toEqual([]);
  });

  test('another issuer than the one given', async () => {
    expect(await adopt(bound().folder, { issuer: OTHER })).toBeUndefined();
    names(OTHER);
    expect(await adopt(bound().folder, { issuer: ISSUER })).toMatchObject({ issuer: ISSUER });
  });

  test('a client of the user, which mcp-remote keeps in no file', async () => {
    const signIn = { clientId: 'mine', clientSecret: 'canary' };
    const methods = { token_endpoint_auth_methods_supported: ['none', 'client_secret_basic'] };
    http.on(METADATA, { json: metadataDocument(ISSUER, methods) });
    expect(await adopt(bound().folder, signIn)).toBeUndefined();
    const { folder: static_ } = mcpRemoteFiles('0.15.1', {
      url: SERVER,
      tokens: { issuer: ISSUER },
      client: undefined,
    });
    expect((await adopt(static_, signIn))?.client).toEqual({
      id: 'mine',
      secret: 'canary',
      authMethod: 'client_secret_basic',
      source: 'configured',
    });
  });

  test('tokens of a client that nobody knows', async () => {
    const files = mcpRemoteFiles('0.15.1', { url: SERVER, tokens: { issuer: ISSUER }, client: undefined });
    expect(await adopt(files.folder)).toBeUndefined();
  });

  test('a client ID metadata document, where the server takes them', async () => {
    const clientMetadataUrl = 'https://c.example/client';
    const url = `${SERVER}|${clientMetadataUrl}`; // as it stands in the names of the files
    const of = (): string =>
      mcpRemoteFiles('0.15.1', { url, tokens: { issuer: ISSUER }, client: undefined }).folder;
    expect(await adopt(of(), { clientMetadataUrl })).toBeUndefined();
    const takes = { client_id_metadata_document_supported: true };
    http.on(METADATA, { json: metadataDocument(ISSUER, takes) });
    expect((await adopt(of(), { clientMetadataUrl }))?.client).toEqual({
      id: clientMetadataUrl,
      authMethod: 'none',
      source: 'metadata-document',
    });
  });

  test('headers and resource are those of the sign-in', async () => {
    const { folder: separate } = mcpRemoteFiles('0.15.1-separate', {
      url: SERVER,
      tokens: { issuer: ISSUER },
      client: { issuer: ISSUER },
    });
    expect(await adopt(separate)).toBeUndefined();
    const resource = 'http://127.0.0.1/x';
    expect(await adopt(separate, { resource }, { headers: { 'X-Tenant': 'a' } })).toMatchObject({
      resource,
      isResourceChosen: true,
    });
  });

  test('a header counts as it was given, with its variables', async () => {
    const { folder: separate } = mcpRemoteFiles('0.15.1-separate', {
      url: SERVER,
      tokens: { issuer: ISSUER },
      client: { issuer: ISSUER },
    });
    const resource = 'http://127.0.0.1/x';
    const headers = { 'X-Tenant': 'a' };
    const expanded = { headers, headerLines: ['X-Tenant:${TENANT}'] };
    expect(await adopt(separate, { resource }, expanded)).toBeUndefined();
    expect(await adopt(separate, { resource }, { headers, headerLines: ['X-Tenant: a'] })).toBeDefined();
  });

  test('what is imported for one tenant is no obstacle to the other, and the end of all is one', async () => {
    await adopt(bound().folder);
    const resource = 'http://127.0.0.1/x';
    const signIn = signInSettings({ resource });
    const { folder: separate } = mcpRemoteFiles('0.15.1-separate', {
      url: SERVER,
      tokens: { issuer: ISSUER },
      client: { issuer: ISSUER },
    });
    const settings = settingsFor(SERVER, { resource });
    const env = { MCP_REMOTE_CONFIG_DIR: separate };
    const all = {
      ...settings,
      headers: { 'X-Tenant': 'a' },
      network: { ...settings.network, env },
    };
    const importIt = () => adoptMcpRemote(all, store, undefined, logger.log, http.http);
    expect(await importIt()).toBe(true);
    const [found, ...others] = findOwnConnections(store, SERVER, signIn);
    expect(others).toEqual([]);
    expect(findConnections(store, SERVER, 'default')).toHaveLength(2);
    await store.delete('connection', (found as { id: string }).id);
    expect(await importIt()).toBe(false);
    await endImport(store, SERVER, 'default');
    expect(await importIt()).toBe(false);
  });
});

describe('once', () => {
  test('and not where there are credentials of ours', async () => {
    await storeConnection(store, connectionRecord());
    expect(await adopt(bound().folder)).toMatchObject({ accessToken: 'access-1' });
    expect(http.places).toEqual([]);
  });

  test('and not again when the user has signed out', async () => {
    const files = bound();
    await adopt(files.folder);
    const [found] = findConnections(store, SERVER, 'default');
    await store.delete('connection', (found as { id: string }).id);
    expect(await adopt(files.folder)).toBeUndefined();
  });

  test('and not at all when the user has signed out before', async () => {
    await endImport(store, SERVER, 'default');
    expect(await adopt(bound().folder)).toBeUndefined();
    expect(http.places).toEqual([]);
  });

  test('by ten processes at the same time', async () => {
    const { folder: mcpRemote } = bound();
    await Promise.all(Array.from({ length: 10 }, () => adopt(mcpRemote)));
    expect(findConnections(store, SERVER, 'default')).toHaveLength(1);
    expect(logger.lines.filter(({ event }) => event === 'sign-in of mcp-remote imported')).toHaveLength(1);
  });
});

describe('never fails', () => {
  test('without anything of mcp-remote, nobody is asked', async () => {
    expect(await adopt(`${folder}-none`)).toBeUndefined();
    expect(http.places).toEqual([]);
  });

  test.each([
    ['no answer', noAnswer(true)],
    ['an error', { status: 503 }],
    [
      'a resource of somebody else',
      { json: { resource: 'https://x.example', authorization_servers: [ISSUER] } },
    ],
  ])('with %s in place of the metadata', async (_what, answer) => {
    http.on(PRM, answer);
    expect(await adopt(bound().folder)).toBeUndefined();
    expect(logger.lines.at(-1)).toMatchObject({ level: 'info', event: 'sign-in of mcp-remote not imported' });
  });

  test('with damaged files', async () => {
    const files = bound();
    writeFileSync(files.tokensFile, '{"access_token":"canary');
    expect(await adopt(files.folder)).toBeUndefined();
    expect(logger.lines).toMatchObject([{ level: 'debug', event: 'file of mcp-remote ignored' }]);
    expect(JSON.stringify(logger.lines)).not.toContain('canary');
  });

  test('with a damaged one beside a sound one of another version', async () => {
    const files = bound();
    const old = mcpRemoteFiles('0.1.29', { url: SERVER, folder: files.folder });
    writeFileSync(files.tokensFile, '{');
    expect(await adopt(files.folder)).toMatchObject({ accessToken: old.tokens.access_token });
  });

  test('with a store that can not be written', async () => {
    writeFileSync(folder, '');
    chmodSync(folder, 0o600);
    const settings = settingsFor(SERVER);
    const env = { MCP_REMOTE_CONFIG_DIR: bound().folder };
    const all = { ...settings, network: { ...settings.network, env } };
    expect(await adoptMcpRemote(all, store, undefined, logger.log, http.http)).toBe(false);
  });
});
