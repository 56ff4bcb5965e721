import { expect, test } from 'vitest';
import { documentRedirects } from '../../../../src/authorization/sign-in/document-redirects.ts';
import { noAnswer, ScriptedOAuthHttp } from '../../helpers/scripted-oauth-http.ts';

const DOCUMENT = 'https://me.example/client.json';
const redirectsOf = (redirect_uris: unknown, status = 200) =>
  documentRedirects(new ScriptedOAuthHttp().on(DOCUMENT, { status, json: { redirect_uris } }).http, DOCUMENT);

test('the loopback redirects of a document, as they stand there', async () => {
  expect(
    await redirectsOf([
      'http://localhost:3334/oauth/callback',
      'http://127.0.0.1/callback',
      'https://me.example/callback',
      'http://me.example/callback',
      'http://localhost.me.example:1/x',
      'http://[::1]:1/x',
      'http://localhost:1',
      'http://localhost:1/x?y=z',
      'http://localhost:70000/x',
      'http://me@localhost:1/x',
      'http://LOCALHOST:1/x',
      'cursor://callback',
      7,
    ]),
  ).toEqual([
    { host: 'localhost', port: 3334, path: '/oauth/callback' },
    { host: '127.0.0.1', port: 0, path: '/callback' },
  ]);
});

test('none, where it does not come or is something else', async () => {
  expect(await redirectsOf('http://localhost:1/x')).toEqual([]);
  expect(await redirectsOf(['http://localhost:1/x'], 500)).toEqual([]);
  const silent = new ScriptedOAuthHttp().on(DOCUMENT, noAnswer(false, 'timeout'));
  expect(await documentRedirects(silent.http, DOCUMENT)).toEqual([]);
});
