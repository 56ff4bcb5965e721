import { describe, expect, test } from 'vitest';
import { runDoctor } from '../support/doctor.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { startFakeSseRemote } from '../support/fake-sse-remote.ts';
import { runCommand } from '../support/run-command.ts';

/** A server at /mcp only; elsewhere it gives this. */
function onlyAt(
  path: string,
  elsewhere: (
    exchange: Parameters<NonNullable<Parameters<typeof startFakeRemote>[0]>['gate'] & object>[0],
  ) => void,
): Promise<FakeRemote> {
  return startFakeRemote({
    gate: (exchange) => {
      if (exchange.request.path === path) return false;
      elsewhere(exchange);
      return true;
    },
  });
}

describe('doctor at a server without a sign-in', () => {
  test('finds it sound, ends its session, and skips what has to do with signing in', async () => {
    const remote = await startFakeRemote({ session: true });
    const { code, step, those } = await runDoctor(remote.url);
    expect(code).toBe(0);
    expect(those('fail')).toEqual([]);
    expect(those('warn')).toEqual([]);
    expect(step('endpoint').text).toContain('without a sign-in');
    expect(step('authorization-server')).toMatchObject({
      status: 'skip',
      text: 'the server asks for no sign-in',
    });
    expect(step('initialize').facts).toMatchObject({
      era: 'legacy',
      transport: 'http',
      protocolVersion: '2025-11-25',
      server: 'fake-remote 1.0.0',
      hasSessionId: true,
    });
    expect(step('tools').text).toBe('1 tool');
    expect(remote.of('DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-1']);
    expect(remote.of('notifications/initialized')).toHaveLength(1);
    expect(remote.of('initialize')).toHaveLength(1);
  });

  test('prints lines for people, with words, and without colours where that is wanted', async () => {
    const remote = await startFakeRemote();
    const url = `${remote.url}?key=canary-query`;
    const plain = await runCommand(['doctor', url], {});
    expect(plain.code).toBe(0);
    expect(plain.stderr).toBe('');
    expect(plain.stdout).not.toContain('\u001b');
    expect(plain.stdout).not.toContain('canary');
    expect(plain.stdout.split('\n')[0]).toMatch(
      /^mcp-drawbridge \S+: http:\/\/127\.0\.0\.1:\d+\/mcp\?…, \d{4}-/,
    );
    expect(plain.stdout).toContain('[ ok ] tools/list: 1 tool\n');
    expect(plain.stdout).toMatch(/The connection is sound\.\n$/);
    const coloured = await runCommand(['doctor', url], { FORCE_COLOR: '1' });
    expect(coloured.stdout).toContain('\u001b[32m[ ok ]\u001b[0m tools/list');
    const uncoloured = await runCommand(['doctor', url], { FORCE_COLOR: '1', NO_COLOR: '1' });
    expect(uncoloured.stdout).not.toContain('\u001b');
  });

  test.each([[], ['--transport', 'sse']])('finds the older transport by itself: %j', async (...args) => {
    const { url } = await startFakeSseRemote();
    const { code, step } = await runDoctor(url, { args });
    expect(code).toBe(0);
    expect(step('endpoint').text).toContain('HTTP+SSE');
    expect(step('initialize').facts).toMatchObject({ transport: 'sse' });
    expect(step('tools').status).toBe('ok');
  });

  test('says what the server answers in the place of tools', async () => {
    const remote = await startFakeRemote();
    remote.on('tools/list', (exchange) => exchange.error(-32603, 'out of \u001b[31mtools'));
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(3);
    expect(step('tools').text).toContain('-32603');
    remote.on('tools/list', (exchange) => exchange.result({ tools: [] }));
    const { step: second } = await runDoctor(remote.url);
    expect(second('tools')).toMatchObject({ status: 'warn', reason: 'no-tools' });
  });
});

describe('doctor where no MCP is', () => {
  test.each([404, 405, 400])(
    'names the path /mcp where that answers, and this one gives %i',
    async (status) => {
      const remote = await onlyAt('/mcp', (exchange) => exchange.status(status));
      const { code, step, those, fix } = await runDoctor(`${remote.origin}/api`);
      expect(code).toBe(3);
      expect(those('fail')).toEqual(['endpoint']);
      expect(step('endpoint').text).toMatch(/no MCP at \/api.*MCP is at \/mcp/);
      expect(fix).toBe(`use this URL: ${remote.origin}/mcp`);
      expect(step('initialize').status).toBe('skip');
    },
  );

  test('names the path /sse where that answers', async () => {
    const { remote } = await startFakeSseRemote({
      gate: (exchange) => {
        if (/^\/(sse|message)/.test(exchange.request.path)) return false;
        exchange.status(404);
        return true;
      },
    });
    const { code, fix } = await runDoctor(`${remote.origin}/`);
    expect(code).toBe(3);
    expect(fix).toBe(`use this URL: ${remote.origin}/sse`);
  });

  test.each([200, 503])('tells a web page, a portal for instance (%i)', async (status) => {
    const page = '<!doctype html><title>Welcome to the hotel</title>';
    const remote = await startFakeRemote();
    for (const method of ['POST', 'GET'])
      remote.on(method, (exchange) => exchange.body(status, page, { 'Content-Type': 'text/html' }));
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(3);
    expect(step('endpoint')).toMatchObject({ status: 'fail', reason: 'invalid-answer' });
    expect(step('endpoint').text).toMatch(/web page.*portal/);
  });

  test('tells an API that is no MCP, and a server that is out of order', async () => {
    const remote = await startFakeRemote();
    remote.on('POST', (exchange) => exchange.json(200, { hello: 'world' }));
    const api = await runDoctor(remote.url);
    expect(api.code).toBe(3);
    expect(api.step('endpoint').text).toContain('no JSON-RPC');
    remote.on('POST', (exchange) => exchange.status(502));
    const broken = await runDoctor(remote.url);
    expect(broken.code).toBe(3);
    expect(broken.step('endpoint')).toMatchObject({ reason: 'http-status', facts: { status: 502 } });
  });
});

describe('doctor with a credential of the user', () => {
  const key = 'canary-api-key';
  const args = ['--header', `Authorization: Bearer ${key}`];

  test('tries that, and shows it nowhere', async () => {
    const remote = await startFakeRemote({
      gate: (exchange) => {
        if (exchange.request.headers.authorization === `Bearer ${key}`) return false;
        exchange.status(401);
        return true;
      },
    });
    const { code, step } = await runDoctor(remote.url, { args, secrets: [key] });
    expect(code).toBe(0);
    expect(step('endpoint')).toMatchObject({ status: 'warn', reason: 'no-challenge' });
    expect(step('authorization-server').text).toContain('your Authorization header');
    expect(step('tools').status).toBe('ok');
    const command = ['--token-command', `echo ${key}`];
    const second = await runDoctor(remote.url, { args: command, secrets: [key] });
    expect(second.code).toBe(0);
    expect(second.step('credentials').text).toContain('--token-command');
  });

  test('says that the server does not take it, though it quotes it', async () => {
    const remote = await startFakeRemote({
      gate: (exchange) => {
        const given = exchange.request.headers.authorization;
        const field = `Bearer error="invalid_token", error_description="${given} is not known"`;
        exchange.status(401, { 'WWW-Authenticate': field });
        return true;
      },
    });
    const { code, step } = await runDoctor(remote.url, { args, secrets: [key] });
    expect(code).toBe(4);
    expect(step('initialize')).toMatchObject({ status: 'fail', reason: 'unauthorized' });
    expect(step('initialize').text).toContain('your Authorization header');
    const failing = await runDoctor(remote.url, { args: ['--token-command', 'false'] });
    expect(failing.code).toBe(4);
    expect(failing.step('credentials')).toMatchObject({ status: 'fail', reason: 'token-command-failed' });
  });
});

describe('doctor as a command', () => {
  test.each([
    [['doctor']],
    [['doctor', 'not a url']],
    [['doctor', 'https://a.example/mcp', '--no-such-option']],
  ])('%j is a usage error', async (args) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('leaves with the code of the signal, and ends its session', async () => {
    const { startCommand } = await import('../support/command-process.ts');
    const remote = await startFakeRemote({ session: true });
    remote.on('tools/list', (exchange) => {
      if (exchange.request.headers['mcp-session-id'] === undefined) exchange.result({ tools: [] });
    });
    const doctor = startCommand(['doctor', remote.url]);
    await remote.next('tools/list', 2);
    doctor.kill('SIGINT');
    expect(await doctor.exitWithin(5000)).toBe(130);
    expect(remote.of('DELETE')).toHaveLength(1);
  });
});
