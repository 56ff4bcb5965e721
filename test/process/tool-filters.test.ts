import { describe, expect, test } from 'vitest';
import { type BridgeProcess, startBridge } from '../support/bridge-process.ts';
import { type FakeRemote, startFakeRemote } from '../support/fake-remote.ts';

const tools = ['read_file', 'read_dir', 'write_file', 'delete', 'Deleted'].map((name) => ({
  name,
  inputSchema: { type: 'object' },
}));

async function filtered(...args: string[]): Promise<{ remote: FakeRemote; bridge: BridgeProcess }> {
  const remote = await startFakeRemote();
  remote.on('tools/list', (exchange) => exchange.result({ tools, nextCursor: 'more', _meta: { big: 1 } }));
  const bridge = startBridge(remote.url, { args });
  await bridge.initialize();
  return { remote, bridge };
}

const namesOf = async (bridge: BridgeProcess) =>
  (await bridge.request('tools/list')).result.tools.map(({ name }: { name: string }) => name);

describe('--allow-tool and --ignore-tool', () => {
  test.each<[string[], string[]]>([
    [
      ['--allow-tool', 'read_*'],
      ['read_file', 'read_dir'],
    ],
    [
      ['--allow-tool', 'read_file', '--allow-tool', 'delete'],
      ['read_file', 'delete'],
    ],
    [
      ['--ignore-tool', '*_file'],
      ['read_dir', 'delete', 'Deleted'],
    ],
    [
      ['--allow-tool', '*_*', '--ignore-tool', 'write_*'],
      ['read_file', 'read_dir'],
    ],
    [
      ['--allow-tool', '?ELETE*'],
      ['delete', 'Deleted'],
    ],
    [['--allow-tool', 'no.such'], []],
    [['--allow-tool', 'read'], []],
  ])('%j leaves %j in the list', async (args, expected) => {
    const { bridge } = await filtered(...args);
    expect(await namesOf(bridge)).toEqual(expected);
  });

  test('the rest of the result passes', async () => {
    const { bridge } = await filtered('--allow-tool', 'delete');
    expect((await bridge.request('tools/list')).result).toEqual({
      tools: [tools[3]],
      nextCursor: 'more',
      _meta: { big: 1 },
    });
  });

  test('a call of a tool that is left out is refused by the bridge, and not sent', async () => {
    const { remote, bridge } = await filtered('--ignore-tool', 'delete');
    const { error } = await bridge.callTool('delete');
    expect(error?.code).toBe(-32602);
    expect(error?.data).toMatchObject({ source: 'mcp-drawbridge', reason: 'tool-filtered' });
    expect(error?.message).toContain('--ignore-tool');
    expect(await bridge.callTool('Deleted')).toHaveProperty('result');
    expect(remote.of('tools/call')).toHaveLength(1);
  });

  test('a list that comes by event stream is filtered as well', async () => {
    const { remote, bridge } = await filtered('--allow-tool', 'read_*');
    remote.on('tools/list', (exchange) => exchange.sseResult({ tools }));
    expect(await namesOf(bridge)).toEqual(['read_file', 'read_dir']);
  });

  test.each<[string, unknown]>([
    ['without a name', {}],
    ['with a name that is no string', { name: 7 }],
    ['without params', undefined],
  ])('a call %s is not let through by a filter', async (_, params) => {
    const { remote, bridge } = await filtered('--allow-tool', 'read_*');
    expect(await bridge.request('tools/call', params)).toHaveProperty('error');
    expect(remote.of('tools/call')).toEqual([]);
  });

  test('a name given twice in the JSON does not get around it', async () => {
    const { remote, bridge } = await filtered('--ignore-tool', 'delete');
    const twice =
      '{"jsonrpc":"2.0","id":"t","method":"tools/call","params":{"name":"delete","name":"read_file"}}';
    await bridge.ask(twice, 't');
    const swapped =
      '{"jsonrpc":"2.0","id":"u","method":"tools/call","params":{"name":"read_file","name":"delete"}}';
    expect(await bridge.ask(swapped, 'u')).toHaveProperty('error');
    // A remote that reads the first of two names must not get one that hides the refused name.
    expect(remote.of('tools/call').every(({ body }) => !body.includes('"delete"'))).toBe(true);
  });
});
