import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IdTokenFile } from '../../../../src/authorization/machine/id-tokens.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { unsignedJwt } from '../../helpers/jwt.ts';
import { recordingLogger } from '../../helpers/recording-logger.ts';

const soon = () => Math.floor(Date.now() / 1000) + 60;

function file(text?: string) {
  const path = join(tempFolder(), 'id-token');
  const write = (content: string) => writeFileSync(path, content);
  if (text !== undefined) write(text);
  const { log, secrets } = recordingLogger();
  return { path, write, secrets, tokens: new IdTokenFile(path, log) };
}

test('[X-09] the file is read at each use, and what is in it never logged', async () => {
  const [first, second] = [unsignedJwt({ exp: soon(), n: 1 }), unsignedJwt({ exp: soon(), n: 2 })];
  const { write, tokens, secrets } = file(`${first}\n`);
  expect(await tokens.idToken()).toBe(first);
  write(second);
  expect(await tokens.idToken()).toBe(second);
  expect(secrets).toEqual([first, second]);
});

test('[X-09] one that says nothing of its end is taken', async () => {
  const token = unsignedJwt({ sub: 'me' });
  expect(await file(token).tokens.idToken()).toBe(token);
});

describe('[X-16] what can not be used is told with the option and the file', () => {
  test.each([
    ['no file', undefined, "can't be read (ENOENT)"],
    ['an empty one', '', 'holds no JWT'],
    ['an opaque token', 'opaque', 'holds no JWT'],
    ['one that has ended', unsignedJwt({ exp: 1_700_000_000 }), 'that ended at 2023-11-14T22:13:20.000Z'],
  ])('%s', async (_what, text, why) => {
    const { tokens, path } = file(text);
    const failure: Error = await tokens.idToken().then(expect.unreachable, (error) => error);
    expect(failure.message).toContain('--id-token-file');
    expect(failure.message).toContain(why);
    expect(failure.message).toContain(path);
    if (text) expect(failure.message).not.toContain(text);
  });
});

test('[X-16] a refused one is replaced by what the file holds by then, if that is another', async () => {
  const [first, second] = [unsignedJwt({ n: 1 }), unsignedJwt({ n: 2 })];
  const { write, tokens } = file(first);
  await tokens.idToken();
  expect(await tokens.renewed()).toBeUndefined();
  write(second);
  expect(await tokens.renewed()).toBe(second);
});
