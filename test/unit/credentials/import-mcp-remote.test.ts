import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  findMcpRemoteSignIns,
  isSameIssuer,
  type McpRemoteSignIn,
  mcpRemoteFolder,
} from '../../../src/credentials/import-mcp-remote.ts';
import type { McpRemoteConnection } from '../../../src/credentials/mcp-remote-layouts.ts';
import { displayText } from '../../../src/errors.ts';
import { mcpRemoteFiles, mcpRemoteRuns, md5 } from '../../support/mcp-remote-files.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const URL_TEXT = 'https://mcp.example/mcp';
const ISSUER = 'https://as.example';

let ignored: { file: unknown; why: unknown }[];
beforeEach(() => {
  ignored = [];
});

function connection(more: Partial<McpRemoteConnection> = {}, url = URL_TEXT): McpRemoteConnection {
  const nothing = { resource: undefined, headers: {}, authorizeParams: {}, clientMetadataUrl: undefined };
  return { server: new URL(url), ...nothing, ...more };
}

function find(folder: string, of = connection()): McpRemoteSignIn[] {
  return findMcpRemoteSignIns(folder, of, {
    debug: (_event, fields) => void ignored.push(fields as (typeof ignored)[number]),
  });
}

function jwt(claims: object): string {
  return ['header', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');
}

/** The issuer as the files have it: from a run that has none of its own. */
function issuerFrom(tokens: object, client?: object, clientAge?: number): string | undefined {
  const age = clientAge === undefined ? {} : { clientAge };
  const { folder } = mcpRemoteFiles('0.8.7', {
    url: URL_TEXT,
    tokens: { ...tokens },
    client: { ...client },
    ...age,
  });
  return find(folder)[0]?.issuer;
}

describe('what versions of mcp-remote have written', () => {
  test('is there for the layouts of the past', () => {
    expect(mcpRemoteRuns.length).toBeGreaterThan(6);
  });

  test.each(mcpRemoteRuns.filter((run) => run !== '0.15.1-separate'))('%s is found and read', (run) => {
    const files = mcpRemoteFiles(run);
    const before = files.snapshot();
    const [found, ...others] = find(files.folder, connection({}, files.url));
    expect(others).toEqual([]);
    const { access_token, refresh_token, scope } = files.tokens;
    expect(found).toMatchObject({
      layout: files.layout,
      accessToken: access_token,
      refreshToken: refresh_token,
      client: { id: files.client.client_id, authMethod: 'none', secret: undefined },
    });
    expect(found?.scope).toBe(scope);
    const isBound = /^0\.15|-jwt$/.test(run);
    expect(found?.issuer).toBe(isBound ? files.issuer : undefined);
    expect(files.snapshot()).toEqual(before);
    expect(ignored).toEqual([]);
  });

  test('expiry is read, or told by the time of the file', () => {
    const old = mcpRemoteFiles('0.1.29', { age: 600_000 });
    const [early] = find(old.folder, connection({}, old.url));
    expect((early?.expiresAt as number) - Date.now()).toBeCloseTo(3_000_000, -4);
    const late = mcpRemoteFiles('0.15.1');
    expect(find(late.folder, connection({}, late.url))[0]?.expiresAt).toBe(late.tokens.expires_at);
  });

  test('an expiry may be text, and one that makes no sense is none', () => {
    const of = (tokens: Record<string, unknown>): number | undefined => {
      const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT, tokens: { expires_in: undefined, ...tokens } });
      return find(files.folder)[0]?.expiresAt;
    };
    expect(of({ expires_at: '1234567890' })).toBe(1_234_567_890);
    expect(of({ expires_at: 'soon' })).toBeUndefined();
    expect(of({ expires_at: -1 })).toBeUndefined();
    expect(of({ expires_at: 1e300 })).toBeUndefined();
    expect(of({ expires_at: null, expires_in: [] })).toBeUndefined();
  });

  test('the very first layout has its files in the folder itself', () => {
    const files = mcpRemoteFiles('0.1.5');
    renameSync(join(files.folder, files.layout), `${files.folder}-flat`);
    const [found] = find(`${files.folder}-flat`, connection({}, files.url));
    expect(found).toMatchObject({ layout: 'unversioned', accessToken: files.tokens.access_token });
  });

  test('of several versions the latest sign-in comes first', () => {
    const { folder } = mcpRemoteFiles('0.1.29', { url: URL_TEXT, age: 3_000 });
    mcpRemoteFiles('0.15.1', { url: URL_TEXT, age: 2_000, folder });
    mcpRemoteFiles('0.1.5', { url: URL_TEXT, age: 1_000, folder });
    expect(find(folder).map(({ layout }) => layout)).toEqual([
      'mcp-remote-0.1.5',
      'mcp-remote-v1',
      'mcp-remote-0.1.29',
    ]);
  });
});

describe('one sign-in is kept apart from another', () => {
  const url = 'http://127.0.0.1:35665/mcp';
  const same = { headers: { 'X-Tenant': 'a' }, resource: 'http://127.0.0.1/x' };

  test('by headers and resource, as mcp-remote itself does', () => {
    const { folder } = mcpRemoteFiles('0.15.1-separate');
    expect(find(folder, connection(same, url))).toHaveLength(1);
    expect(find(folder, connection({}, url))).toEqual([]);
    expect(find(folder, connection({ ...same, headers: { 'X-Tenant': 'b' } }, url))).toEqual([]);
    expect(find(folder, connection({ ...same, resource: undefined }, url))).toEqual([]);
    expect(find(folder, connection({ ...same, authorizeParams: { a: 'b' } }, url))).toEqual([]);
    expect(find(folder, connection({ ...same, clientMetadataUrl: 'https://c.example/c' }, url))).toEqual([]);
  });

  test('not before 0.1.30, which did not', () => {
    const old = mcpRemoteFiles('0.1.29');
    expect(find(old.folder, connection(same, old.url))).toHaveLength(1);
    const newer = mcpRemoteFiles('0.1.38');
    expect(find(newer.folder, connection(same, newer.url))).toEqual([]);
  });

  test('in the order that its names are made of', () => {
    const parts = [
      'https://r.example/',
      '{"a":"1","b":"2"}',
      '{"X-A":"1","X-B":"2"}',
      'https://c.example/client',
    ];
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    renameSync(files.tokensFile, join(files.folder, files.layout, `${md5(URL_TEXT, ...parts)}_tokens.json`));
    const of = connection({
      resource: 'https://r.example/',
      authorizeParams: { b: '2', a: '1' },
      headers: { 'X-B': '2', 'X-A': '1' },
      clientMetadataUrl: 'https://c.example/client',
    });
    expect(find(files.folder, of)).toHaveLength(1);
  });

  test('by the URL, which may be that of a host with a slash or without', () => {
    const { folder } = mcpRemoteFiles('0.15.1', { url: 'https://mcp.example' });
    expect(find(folder, connection({}, 'https://mcp.example'))).toHaveLength(1);
    const other = mcpRemoteFiles('0.15.1', { url: 'https://mcp.example/' });
    expect(find(other.folder, connection({}, 'https://mcp.example'))).toHaveLength(1);
    expect(find(other.folder, connection({}, 'https://mcp.example/mcp'))).toEqual([]);
    expect(find(other.folder, connection({}, 'https://mcp.example/?a'))).toEqual([]);
  });
});

describe('the issuer', () => {
  test('is that of the tokens, else that of the client that they were given to', () => {
    expect(issuerFrom({ issuer: ISSUER })).toBe(ISSUER);
    expect(issuerFrom({ issuer: ISSUER }, { issuer: 'https://other.example' })).toBe(ISSUER);
    expect(issuerFrom({}, { issuer: ISSUER })).toBe(ISSUER);
  });

  test('is not told by a client that was registered later', () => {
    expect(issuerFrom({}, { issuer: ISSUER }, 0)).toBeUndefined();
  });

  test('is told by an ID token, else by an access token that is a JWT', () => {
    expect(issuerFrom({ id_token: jwt({ iss: ISSUER }) })).toBe(ISSUER);
    expect(issuerFrom({ access_token: jwt({ iss: ISSUER }) })).toBe(ISSUER);
    const both = { id_token: jwt({ iss: ISSUER }), access_token: jwt({ iss: 'https://sts.example' }) };
    expect(issuerFrom(both)).toBe(ISSUER);
    expect(issuerFrom({ issuer: ISSUER, id_token: jwt({ iss: 'https://other.example' }) })).toBe(ISSUER);
  });

  test.each<[string, object]>([
    ['an opaque token', { access_token: 'opaque' }],
    ['a text with two dots', { access_token: 'user:grant.a.b' }],
    ['a JWE', { access_token: 'a.b.c.d.e' }],
    ['claims that are no object', { access_token: `a.${Buffer.from('7').toString('base64url')}.c` }],
    ['no claim', { access_token: jwt({ sub: 'a' }) }],
    ['a claim that is no text', { access_token: jwt({ iss: [ISSUER] }) }],
    ['a claim that is no URL', { id_token: jwt({ iss: 'Google' }) }],
    ['an issuer that is no URL', { issuer: 'as.example' }],
    ['an issuer that is no text', { issuer: { href: ISSUER } }],
  ])('is unknown with %s', (_what, tokens) => {
    expect(issuerFrom(tokens)).toBeUndefined();
  });

  test('is the same with a slash at its end', () => {
    expect(isSameIssuer('https://a.example', 'https://a.example/')).toBe(true);
    expect(isSameIssuer('https://a.example/t', 'https://a.example/t/')).toBe(true);
    expect(isSameIssuer('https://a.example/t', 'https://a.example/u')).toBe(false);
    expect(isSameIssuer('https://a.example', 'https://a.example.evil.example')).toBe(false);
    expect(isSameIssuer('https://a.example', 'http://a.example')).toBe(false);
  });
});

describe('the client', () => {
  function clientFrom(client: object, tokens: object = {}, clientAge?: number): McpRemoteSignIn['client'] {
    const age = clientAge === undefined ? {} : { clientAge };
    const files = mcpRemoteFiles('0.8.7', {
      url: URL_TEXT,
      client: { ...client },
      tokens: { ...tokens },
      ...age,
    });
    return find(files.folder)[0]?.client;
  }

  test('is read with its secret', () => {
    const given = { client_id: 'c', client_secret: 's', client_secret_expires_at: 5 };
    expect(clientFrom({ ...given, token_endpoint_auth_method: 'client_secret_post' })).toEqual({
      id: 'c',
      secret: 's',
      secretExpiresAt: 5000,
      authMethod: 'client_secret_post',
    });
    expect(clientFrom({ ...given, client_secret_expires_at: 0 })?.secretExpiresAt).toBeUndefined();
  });

  test('is not the one of the tokens where it was registered later, unless both are of one issuer', () => {
    expect(clientFrom({}, {}, 0)).toBeUndefined();
    expect(clientFrom({ issuer: ISSUER }, { issuer: ISSUER }, 0)).toBeDefined();
    expect(clientFrom({ issuer: 'https://other.example' }, { issuer: ISSUER })).toBeUndefined();
  });

  test('needs an id that can be one', () => {
    expect(clientFrom({ client_id: undefined })).toBeUndefined();
    expect(clientFrom({ client_id: 'a\nb' })).toBeUndefined();
    expect(clientFrom({ client_id: 'c', client_secret: 'a\u0000' })).toMatchObject({ secret: undefined });
  });
});

describe('what can not be used is left out and noted', () => {
  test('no folder at all is nothing to note', () => {
    expect(find(join(tempFolder(), 'none'))).toEqual([]);
    expect(ignored).toEqual([]);
  });

  test('a file in place of the folder, and folders that are none of its own', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(find(join(folder, 'file'))).toEqual([]);
    expect(ignored).toHaveLength(1);
    for (const name of ['mcp-remote-v2', 'mcp-remote-', 'mcp-remote-1.2', 'node_modules', 'mcp-remote-v1x'])
      mkdirSync(join(folder, name));
    expect(find(folder)).toEqual([]);
  });

  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['half a file', '{"access_token": "half-of-a-secr'],
    ['a list', '[]'],
    ['null', 'null'],
    ['no token', '{"token_type":"Bearer"}'],
    ['a token that fits into no header', '{"access_token":"a\\nb","token_type":"Bearer"}'],
    ['a token that is too large', JSON.stringify({ access_token: 'a'.repeat(16 * 1024 + 1) })],
    ['a token of another type', '{"access_token":"a","token_type":"DPoP"}'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
    ['depth', '['.repeat(60_000)],
    ['too much', `${' '.repeat(64 * 1024)}{"access_token":"a","token_type":"Bearer"}`],
  ])('%s', (_what, content) => {
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    writeFileSync(files.tokensFile, content);
    expect(find(files.folder)).toEqual([]);
    expect(ignored).toEqual([{ file: displayText(files.tokensFile, 400), why: expect.any(String) }]);
    expect(JSON.stringify(ignored)).not.toContain('half-of');
  });

  test('a damaged registration, of which the tokens are told without a client', () => {
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    writeFileSync(files.clientFile, '{');
    expect(find(files.folder)).toMatchObject([{ client: undefined, issuer: files.issuer }]);
    expect(ignored).toHaveLength(1);
  });

  test('links to files and to folders, pipes and folders in place of files', () => {
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    renameSync(files.tokensFile, `${files.tokensFile}.real`);
    symlinkSync(`${files.tokensFile}.real`, files.tokensFile);
    expect(find(files.folder)).toEqual([]);
    expect(ignored[0]?.why).toContain('link');
    rmSync(files.tokensFile);
    mkdirSync(files.tokensFile);
    expect(find(files.folder)).toEqual([]);
    rmSync(files.tokensFile, { recursive: true });
    linkSync(`${files.tokensFile}.real`, files.tokensFile);
    expect(find(files.folder)).toHaveLength(1);
    const elsewhere = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    const folder = tempFolder();
    symlinkSync(join(elsewhere.folder, elsewhere.layout), join(folder, 'mcp-remote-v1'));
    expect(find(folder)).toEqual([]);
  });

  test('the folder itself may be a link: people keep such folders elsewhere', () => {
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    symlinkSync(files.folder, `${files.folder}-link`);
    expect(find(`${files.folder}-link`)).toHaveLength(1);
  });

  test('what everyone may write to', () => {
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    for (const path of [files.tokensFile, join(files.folder, files.layout), files.folder]) {
      chmodSync(path, 0o777);
      expect(find(files.folder), path).toEqual([]);
      chmodSync(path, 0o755);
    }
    expect(find(files.folder)).toHaveLength(1);
  });

  test("another user's", () => {
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    vi.spyOn(process, 'geteuid').mockReturnValue(4242);
    expect(find(files.folder)).toEqual([]);
    vi.restoreAllMocks();
  });

  test('anything, without an error', () => {
    const files = mcpRemoteFiles('0.15.1', { url: URL_TEXT });
    const either = fc.oneof(fc.json(), fc.string());
    fc.assert(
      fc.property(either, either, (tokens, client) => {
        writeFileSync(files.tokensFile, tokens);
        writeFileSync(files.clientFile, client);
        return Array.isArray(find(files.folder));
      }),
      { numRuns: 200 },
    );
  });
});

test('the folder is the one of the variable, else in the home', () => {
  expect(mcpRemoteFolder({ MCP_REMOTE_CONFIG_DIR: '/elsewhere' })).toBe('/elsewhere');
  expect(mcpRemoteFolder({})).toMatch(/[\\/]\.mcp-auth$/);
  expect(mcpRemoteFolder({ MCP_REMOTE_CONFIG_DIR: '' })).toMatch(/\.mcp-auth$/);
});
