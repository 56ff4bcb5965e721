import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type Challenge, FixedCredentials } from '../../../src/authorization/authorizer.ts';
import { TokenCommand } from '../../../src/authorization/token-command.ts';
import { DrawbridgeError } from '../../../src/errors.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { within } from '../../support/wait.ts';
import { recordingLogger } from '../helpers/recording-logger.ts';

/** A token command that is this JavaScript. */
function command(script: string, ...words: string[]) {
  const { log, lines, secrets } = recordingLogger();
  return {
    authorizer: new TokenCommand([process.execPath, '-e', script, ...words], log),
    log,
    lines,
    secrets,
  };
}

/** A token command that prints the next of these tokens at each run, and tells how often it ran. */
function tokens(...each: string[]) {
  const runs = join(tempFolder(), 'runs');
  const script = `const fs = require('node:fs');
    fs.appendFileSync(process.argv[1], 'x');
    console.log(process.argv[1 + fs.readFileSync(process.argv[1]).length]);`;
  return {
    ...command(script, runs, ...each),
    runs: () => (existsSync(runs) ? readFileSync(runs).length : 0),
  };
}

const refusal = (status: number, used: string | undefined): Challenge => ({
  status,
  header: undefined,
  error: new DrawbridgeError('unauthorized', 'm', { status }),
  used,
  mayAskUser: true,
});

/** What a challenge comes to: `again`, or the reason that the client is told. */
const outcome = async (challenged: Promise<DrawbridgeError | undefined>) =>
  (await challenged)?.reason ?? 'again';

async function failureOf(script: string): Promise<string> {
  const { authorizer } = command(script);
  const error = await Promise.resolve(authorizer.credential()).then(
    () => expect.unreachable(),
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ reason: 'token-command-failed', exitCode: 4 });
  return error.message;
}

describe('the token', () => {
  test.each([
    ['console.log("abc")', 'Bearer abc'],
    ['process.stdout.write("  abc\\r\\n")', 'Bearer abc'],
    ['console.log("a-Z_0.9~+/==|$")', 'Bearer a-Z_0.9~+/==|$'],
  ])('%s gives %s', async (script, credential) => {
    expect(await command(script).authorizer.credential()).toBe(credential);
  });

  test('is at hand at once after the first run', async () => {
    const { authorizer, runs } = tokens('a');
    await authorizer.credential();
    expect(authorizer.credential()).toBe('Bearer a');
    expect(runs()).toBe(1);
  });

  test('is a secret, and the log tells of the run only', async () => {
    const { authorizer, log, lines, secrets } = command('console.log("s3cret")');
    await authorizer.credential();
    await log.flush();
    expect(secrets).toEqual(['s3cret']);
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });

  test('one run serves all who ask at the same time', async () => {
    const { authorizer, runs } = tokens('a', 'b');
    const all = await Promise.all([
      authorizer.credential(),
      authorizer.credential(),
      authorizer.credential(),
    ]);
    expect([all, runs()]).toEqual([['Bearer a', 'Bearer a', 'Bearer a'], 1]);
  });
});

describe('a refusal of the server', () => {
  test('401: the command runs again, and another token is worth another try', async () => {
    const { authorizer, runs } = tokens('a', 'b');
    const used = await authorizer.credential();
    expect(await outcome(authorizer.challenged(refusal(401, used)))).toBe('again');
    expect([authorizer.credential(), runs()]).toEqual(['Bearer b', 2]);
  });

  test('401 with the same token again: no other try', async () => {
    const { authorizer, runs } = tokens('a', 'a');
    const used = await authorizer.credential();
    expect(await outcome(authorizer.challenged(refusal(401, used)))).toBe('unauthorized');
    expect(runs()).toBe(2);
  });

  test('401 to several at once: one run', async () => {
    const { authorizer, runs } = tokens('a', 'b', 'c');
    const used = await authorizer.credential();
    const again = await Promise.all([1, 2, 3].map(() => outcome(authorizer.challenged(refusal(401, used)))));
    expect([again, runs()]).toEqual([['again', 'again', 'again'], 2]);
  });

  test('401 to a token that was replaced meanwhile: that is tried, with no run [63]', async () => {
    const { authorizer, runs } = tokens('a', 'b', 'c');
    const used = await authorizer.credential();
    await authorizer.challenged(refusal(401, used));
    expect(await outcome(authorizer.challenged(refusal(401, used)))).toBe('again');
    expect(runs()).toBe(2);
  });

  test('403: another token of the same command would not help', async () => {
    const { authorizer, runs } = tokens('a', 'b');
    const used = await authorizer.credential();
    expect(await outcome(authorizer.challenged(refusal(403, used)))).toBe('unauthorized');
    expect(runs()).toBe(1);
  });

  test('a command that fails at the second run is told, and run again later', async () => {
    const { authorizer } = tokens('a', '', 'c');
    const used = await authorizer.credential();
    await expect(authorizer.challenged(refusal(401, used))).rejects.toMatchObject({
      reason: 'token-command-failed',
    });
    expect(await authorizer.credential()).toBe('Bearer c');
  });
});

describe('a command that fails is told in a sentence without its output', () => {
  test.each([
    ['process.exit(3)', /failed \(3\); try it in a terminal/],
    ['console.log("s3cret"); process.exit(1)', /failed \(1\)/],
    ['console.error("s3cret"); process.exit(1)', /failed \(1\)/],
    ['process.kill(process.pid, "SIGKILL")', /failed \(SIGKILL\)/],
    ['', /printed no token/],
    ['console.log(" ")', /printed no token/],
    ['console.log("s3cret\\nmore")', /more than one line/],
    ['console.log("s3cret\\u0000")', /printed no token/],
    ['console.log("s3crét")', /printed no token/],
    ['console.log("Bearer s3cret")', /printed no token/],
  ])('%s', async (script, message) => {
    const text = await failureOf(script);
    expect(text).toMatch(message);
    expect(text).not.toMatch(/s3cr[eé]t/);
  });

  test('one that is not there', async () => {
    const authorizer = new TokenCommand(['no-such-command-here', 's3cret'], recordingLogger().log);
    await expect(authorizer.credential()).rejects.toMatchObject({
      message: 'The token command "no-such-command-here" failed (ENOENT); try it in a terminal.',
    });
  });

  test('one that prints without end is stopped, and that is what is said', async () => {
    const before = performance.now();
    const text = await failureOf('setInterval(() => console.log("x".repeat(1000)), 1)');
    expect(performance.now() - before).toBeLessThan(5000);
    expect(text).not.toMatch(/within 30 s/);
  });
});

test('closing ends a command that still runs', async () => {
  const { authorizer } = command('setInterval(() => {}, 1000)');
  const credential = Promise.resolve(authorizer.credential());
  void authorizer.close();
  await expect(within(credential, 3000, () => 'it still runs')).rejects.toMatchObject({
    reason: 'token-command-failed',
  });
});

describe('what the command is given', () => {
  test('its words as they are, with no shell between [4]', async () => {
    const { authorizer } = command(
      'console.log(process.argv.slice(1).join("|").replaceAll(" ", "_"))',
      '$HOME',
      'a b',
      '*;id',
    );
    expect(await authorizer.credential()).toBe('Bearer $HOME|a_b|*;id');
  });

  test("the environment, but nothing of the bridge's own [122]", async () => {
    vi.stubEnv('MCP_DRAWBRIDGE_HEADER', 'Authorization: s3cret');
    vi.stubEnv('MY_VAULT', 'vault');
    const { authorizer } = command(
      'const { env } = process; console.log(`${env.MCP_DRAWBRIDGE_HEADER}/${env.MY_VAULT}/${!!env.PATH}`)',
    );
    expect(await authorizer.credential()).toBe('Bearer undefined/vault/true');
    vi.unstubAllEnvs();
  });

  test('an input that is at its end, so that it can not wait for one', async () => {
    const script = 'process.stdin.resume().on("end", () => console.log("ended"))';
    expect(await command(script).authorizer.credential()).toBe('Bearer ended');
  });
});

test('without a command there is no credential, and nothing to try again with', async () => {
  const authorizer = new FixedCredentials();
  expect(authorizer.credential()).toBeUndefined();
  expect(await outcome(authorizer.challenged(refusal(401, undefined)))).toBe('unauthorized');
  expect(authorizer.beginSignIn()).toBeUndefined();
});

/** A JWT that ends so many seconds from now; nobody verifies it. */
const jwt = (name: string, seconds: number): string =>
  [{ alg: 'none' }, { name, exp: Math.floor(Date.now() / 1000) + seconds }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
    .concat('.c2ln');

describe('a token that tells its end', () => {
  test('is used without another run while it lives', async () => {
    const { authorizer, runs } = tokens(jwt('a', 3600), 'b');
    const first = await authorizer.credential();
    expect(authorizer.credential()).toBe(first);
    expect(runs()).toBe(1);
  });

  test('is replaced ahead of that, and nobody waits', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const { authorizer, runs } = tokens(jwt('a', 600), jwt('b', 3600));
      const first = await authorizer.credential();
      vi.setSystemTime(Date.now() + 550_000);
      expect(authorizer.credential()).toBe(first);
      await vi.waitFor(() => expect(runs()).toBe(2));
      await vi.waitFor(() => expect(authorizer.credential()).not.toBe(first));
      expect(runs()).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('is waited for where it has ended', async () => {
    const { authorizer, runs } = tokens(jwt('a', -5), jwt('b', 3600));
    const first = await authorizer.credential();
    const second = await authorizer.credential();
    expect(second).not.toBe(first);
    expect(runs()).toBe(2);
  });

  test('a program that goes on printing the old one is not run at each request', async () => {
    const old = jwt('a', -5);
    const { authorizer, runs } = tokens(old, old, old, old);
    for (let request = 0; request < 5; request++) expect(await authorizer.credential()).toBe(`Bearer ${old}`);
    expect(runs()).toBe(2);
  });

  test('a run that fails leaves it in use until it ends', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const gone = join(tempFolder(), 'gone');
      const script = `const fs = require('node:fs');
        if (fs.existsSync(process.argv[1])) process.exit(1);
        fs.writeFileSync(process.argv[1], '');
        console.log(process.argv[2]);`;
      const { authorizer, lines } = command(script, gone, jwt('a', 600));
      const first = await authorizer.credential();
      vi.setSystemTime(Date.now() + 550_000);
      expect(authorizer.credential()).toBe(first);
      await vi.waitFor(() =>
        expect(lines).toContainEqual(expect.objectContaining({ event: 'token not renewed' })),
      );
      expect(authorizer.credential()).toBe(first);
    } finally {
      vi.useRealTimers();
    }
  });
});
