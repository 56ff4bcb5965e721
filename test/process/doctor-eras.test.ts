import { describe, expect, test } from 'vitest';
import { runDoctor } from '../support/doctor.ts';
import type { Exchange } from '../support/fake-exchange.ts';
import { beModern, discoverResult, fakeTool, refuseRevision } from '../support/fake-modern.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';
import { startSdkV2Remote } from '../support/sdk-v2-remote.ts';

const META = 'io.modelcontextprotocol/';

/** A server of 2026-07-28 alone. */
const modernRemote = async (...tools: object[]): Promise<FakeRemote> =>
  beModern(await startFakeRemote(), tools.length === 0 ? undefined : tools);

describe('doctor at a server of 2026-07-28 alone', () => {
  test.each([[], ['--era', 'modern']])('speaks to it in its own form: %j', async (...args) => {
    const remote = await modernRemote();
    const { code, step, those } = await runDoctor(remote.url, { args });
    expect(code).toBe(0);
    expect([...those('warn'), ...those('fail')]).toEqual([]);
    expect(step('endpoint').text).toContain('2026-07-28');
    expect(step('initialize')).toMatchObject({
      title: 'server/discover',
      text: 'Streamable HTTP, revision 2026-07-28: newest 3.0.0',
      facts: { era: 'modern', transport: 'http', protocolVersion: '2026-07-28', server: 'newest 3.0.0' },
    });
    expect(step('tools').text).toBe('1 tool');
    expect([...remote.of('initialize'), ...remote.of('notifications/initialized')]).toEqual([]);
    expect(remote.of('DELETE')).toEqual([]);
    for (const { headers, message } of [
      ...remote.of('server/discover'),
      ...remote.of('tools/list').slice(1),
    ]) {
      expect(headers).toMatchObject({
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': message?.method,
      });
      expect(headers).not.toHaveProperty('mcp-session-id');
      expect(message?.params?._meta).toMatchObject({
        [`${META}protocolVersion`]: '2026-07-28',
        [`${META}clientInfo`]: { name: 'mcp-drawbridge' },
        [`${META}clientCapabilities`]: {},
      });
    }
  });

  test('the official SDK’s', async () => {
    const remote = await startSdkV2Remote();
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(0);
    expect(step('initialize').facts).toMatchObject({ era: 'modern', server: 'sdk-v2-remote 2.0.0' });
    expect(step('initialize').facts).not.toHaveProperty('alsoSpeaks');
    expect(step('tools').status).toBe('ok');
  });

  test('--era legacy stays so, and says what is wrong with that', async () => {
    const remote = await modernRemote();
    const { code, step } = await runDoctor(remote.url, { args: ['--era', 'legacy'] });
    expect(code).toBe(3);
    expect(step('initialize')).toMatchObject({
      title: 'initialize',
      status: 'fail',
      reason: 'other-era',
      fix: 'leave --era legacy out',
      facts: { era: 'modern' },
    });
    expect(remote.of('server/discover')).toEqual([]);
  });

  test('one that refuses initialize in other words is asked all the same', async () => {
    const refuse = (exchange: Exchange): void =>
      exchange.json(400, { jsonrpc: '2.0', id: exchange.id, error: { code: -32602, message: '_meta?' } });
    const remote = await startFakeRemote({
      gate: (exchange) => {
        if (exchange.request.headers['mcp-method'] !== undefined) return false;
        if (exchange.request.method === 'POST') refuse(exchange);
        else exchange.status(405);
        return true;
      },
    });
    remote.on('server/discover', (exchange) => exchange.result(discoverResult()));
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(0);
    expect(step('initialize').facts).toMatchObject({ era: 'modern' });
    expect(remote.of('initialize')).toHaveLength(1);
  });

  test('names the revisions of one that is newer than this program', async () => {
    const remote = await startFakeRemote();
    remote.on('POST', (exchange) => refuseRevision(exchange, ['2031-01-01', '2030-01-01']));
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(3);
    expect(step('initialize')).toMatchObject({
      status: 'fail',
      reason: 'unsupported-transport',
      facts: { era: 'modern', supported: ['2031-01-01', '2030-01-01'] },
    });
    expect(step('initialize').fix).toContain('@latest');
  });

  test('a refusal of the credential is told as one', async () => {
    const remote = await modernRemote();
    remote.on('server/discover', (exchange) =>
      exchange.status(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }),
    );
    const args = ['--header', 'Authorization: Bearer canary'];
    const { code, step } = await runDoctor(remote.url, { args, secrets: ['canary'] });
    expect(code).toBe(4);
    expect(step('initialize')).toMatchObject({
      title: 'server/discover',
      status: 'fail',
      reason: 'unauthorized',
    });
    expect(step('initialize').text).toContain('your Authorization header');
  });

  test('names tools whose annotations for headers are at fault', async () => {
    const remote = await modernRemote(
      fakeTool('fine', { region: { type: 'string', 'x-mcp-header': 'Region' } }),
      fakeTool('bad', { region: { type: 'object', 'x-mcp-header': 'Region' } }),
    );
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(0);
    expect(step('tools')).toMatchObject({
      status: 'warn',
      reason: 'invalid-tool-header',
      facts: { tools: 2, unusable: ['bad'] },
    });
  });
});

describe('doctor at a server of both eras', () => {
  test('says so, and goes on in the form that a bridge would', async () => {
    const remote = await startSdkV2Remote({ dual: true });
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(0);
    expect(step('initialize')).toMatchObject({
      title: 'server/discover',
      text: 'Streamable HTTP, revision 2026-07-28, and 2025-11-25 for clients of the older era: sdk-v2-remote 2.0.0',
      facts: { era: 'modern', alsoSpeaks: '2025-11-25' },
    });
    const lists = remote.of('tools/list');
    expect(lists.at(-1)?.headers).toMatchObject({ 'mcp-method': 'tools/list' });
  });

  test('--era legacy asks it for nothing newer', async () => {
    const remote = await startSdkV2Remote({ dual: true });
    const { code, step } = await runDoctor(remote.url, { args: ['--era', 'legacy'] });
    expect(code).toBe(0);
    expect(step('initialize').facts).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25' });
    expect(remote.of('server/discover')).toEqual([]);
  });
});

describe('doctor at a server of the older era', () => {
  test('asks one without a session once whether it is modern as well', async () => {
    const remote = await startFakeRemote();
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(0);
    expect(step('initialize')).toMatchObject({ title: 'initialize', facts: { era: 'legacy' } });
    expect(remote.of('server/discover')).toHaveLength(1);
    expect(remote.of('tools/list').at(-1)?.headers).not.toHaveProperty('mcp-method');
  });

  test('does not ask one with a session', async () => {
    const remote = await startFakeRemote({ session: true });
    await runDoctor(remote.url);
    expect(remote.of('server/discover')).toEqual([]);
  });

  test('--era modern is wrong there', async () => {
    const remote = await startFakeRemote();
    const { code, step } = await runDoctor(remote.url, { args: ['--era', 'modern'] });
    expect(code).toBe(3);
    expect(step('initialize')).toMatchObject({
      title: 'server/discover',
      status: 'fail',
      reason: 'other-era',
      fix: 'leave --era modern out',
    });
    expect(step('tools').status).toBe('skip');
    expect(remote.of('initialize')).toEqual([]);
  });
});
