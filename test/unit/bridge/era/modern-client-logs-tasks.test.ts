import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DrawbridgeError } from '../../../../src/errors.ts';
import {
  allCapabilities,
  error,
  result,
  type Stage,
  setStage,
  settled,
} from '../../helpers/modern-client-stage.ts';

const level = (name: string) => ({ 'io.modelcontextprotocol/logLevel': name });
const said = (name: string, data: unknown) => ({
  method: 'notifications/message',
  params: { level: name, data },
});
const setLevels = (stage: Stage) => stage.server.of('logging/setLevel').map(({ params }) => params.level);
const heard = (stage: Stage) => stage.told.splice(0).map(({ params }) => params.data);

describe('log messages [B-66]', () => {
  test('go only to a request that asks for them, from its level on', async () => {
    const stage = setStage();
    const held = stage.hold('tools/call');
    const silent = stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tools/call');
    stage.server.says(said('error', 1), held[0]);
    stage.server.says(said('error', 2));
    expect(stage.told).toEqual([]);
    expect(setLevels(stage)).toEqual([]);

    const loud = stage.ask('tools/call', { name: 'b' }, allCapabilities, level('warning'));
    await stage.arrived('tools/call', 2);
    expect(setLevels(stage)).toEqual(['warning']);
    for (const [index, name] of ['info', 'warning', 'emergency', 'odd'].entries())
      stage.server.says(said(name, index), held[1]);
    stage.server.says(said('error', 'of nobody'));
    stage.server.says(said('error', 'of the silent one'), held[0]);
    expect(heard(stage)).toEqual([1, 2, 'of nobody']);

    for (const upstream of held) stage.server.says({ id: upstream.id, result: {} }, upstream);
    await Promise.all([silent.ended, loud.ended]);
    stage.server.says(said('error', 'too late'));
    expect(stage.told).toEqual([]);
  });

  test('come at the most verbose level that is asked for, set only when that changes', async () => {
    const stage = setStage();
    stage.hold('tools/call');
    const call = (name: string) => stage.ask('tools/call', { name: 'a' }, allCapabilities, level(name));
    for (const [index, name] of ['error', 'debug', 'info', 'debug'].entries()) {
      call(name);
      await stage.arrived('tools/call', index + 1);
    }
    expect(setLevels(stage)).toEqual(['error', 'debug']);
  });

  test('a server without logging, or one that refuses, is left in peace', async () => {
    const without = setStage({ welcome: { capabilities: {} } });
    await without.get('tools/list', {}, {}, level('info'));
    expect(setLevels(without)).toEqual([]);
    const refusing = setStage();
    refusing.handlers.set('logging/setLevel', () => error(-32601));
    for (let times = 0; times < 2; times++) await refusing.get('tools/list', {}, {}, level('info'));
    expect(setLevels(refusing)).toEqual(['info']);
  });

  test('while a call waits for the client there is nobody to hear them', async () => {
    const stage = setStage();
    const held = stage.hold('tools/call');
    const asked = stage.ask('tools/call', { name: 'a' }, allCapabilities, level('info'));
    await stage.arrived('tools/call');
    stage.server.says({ id: 1, method: 'roots/list' }, held[0]);
    await stage.answered(asked);
    stage.server.says(said('error', 1), held[0]);
    expect(stage.told).toEqual([]);
  });
});

describe('other notifications of the server', () => {
  test('what no modern client knows is kept from it; what is new goes where it belongs to a request', async () => {
    const stage = setStage();
    const held = stage.hold('tools/call');
    stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tools/call');
    for (const method of [
      'notifications/elicitation/complete',
      'notifications/tasks/status',
      'notifications/cancelled',
    ])
      stage.server.says({ method, params: { requestId: 1 } }, held[0]);
    stage.server.says({
      method: 'notifications/progress',
      params: { progressToken: held[0]?.id, progress: 1 },
    });
    stage.server.says({ method: 'notifications/x' });
    expect(stage.told).toEqual([]);
    stage.server.says({ method: 'notifications/x', params: { a: 1 } }, held[0]);
    expect(stage.told).toEqual([{ jsonrpc: '2.0', method: 'notifications/x', params: { a: 1 } }]);
  });
});

describe('tools that run as tasks only [B-77]', () => {
  const capabilities = { tools: {}, tasks: { requests: { tools: { call: {} } } } };
  const begun = result({ task: { taskId: 't1', status: 'working', ttl: null } });

  /** A server whose tool `a` is such a one. */
  function taskStage() {
    const stage = setStage({ welcome: { capabilities } });
    stage.handlers.set('tools/call', ({ params }) => (params.task ? begun : error(-32601)));
    return stage;
  }

  test('are run as one by the bridge when the server says so, and at once from then on', async () => {
    const stage = taskStage();
    stage.handlers.set('tasks/result', () => result({ content: [{ type: 'text', text: 'done' }] }));
    for (let times = 0; times < 2; times++)
      expect((await stage.get('tools/call', { name: 'a' })).result).toMatchObject({
        resultType: 'complete',
        content: [{ text: 'done' }],
      });
    expect(stage.server.of('tools/call').map(({ params }) => params)).toEqual([
      { name: 'a' },
      { name: 'a', task: {} },
      { name: 'a', task: {} },
    ]);
    expect(stage.server.of('tasks/result')[0].params).toEqual({ taskId: 't1' });
  });

  test('are known by the list, which does not show it', async () => {
    const stage = taskStage();
    stage.handlers.set('tools/list', () =>
      result({ tools: [{ name: 'a', execution: { taskSupport: 'required' } }] }),
    );
    expect((await stage.get('tools/list')).result.tools).toEqual([{ name: 'a' }]);
    await stage.get('tools/call', { name: 'a' });
    expect(stage.server.of('tools/call')).toHaveLength(1);
  });

  test('may ask the client too, in the course of waiting for the result', async () => {
    const stage = taskStage();
    const held = stage.hold('tasks/result');
    const asked = stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tasks/result');
    stage.server.says({ id: 1, method: 'roots/list' }, held[0]);
    const { requestState } = (await stage.answered(asked)).result;
    const more = { requestState, inputResponses: { 'request-1': { roots: [] } } };
    const again = stage.ask('tools/call', { name: 'a', ...more });
    await settled();
    expect(stage.server.responseTo(1).result).toEqual({ roots: [] });
    stage.server.says({ id: held[0]?.id, result: { content: [] } }, held[0]);
    expect((await stage.answered(again)).result.resultType).toBe('complete');
  });

  test('are cancelled as tasks', async () => {
    const stage = taskStage();
    stage.hold('tasks/result');
    const asked = stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tasks/result');
    stage.cancel(asked);
    expect((await stage.arrived('tasks/cancel')).params).toEqual({ taskId: 't1' });
    expect(stage.server.of('notifications/cancelled')).toEqual([]);
  });

  test('are cancelled as tasks as soon as the id is known', async () => {
    const stage = taskStage();
    stage.handlers.set('tools/list', () =>
      result({ tools: [{ name: 'a', execution: { taskSupport: 'required' } }] }),
    );
    await stage.get('tools/list');
    const held = stage.hold('tools/call');
    const asked = stage.ask('tools/call', { name: 'a' });
    await stage.arrived('tools/call');
    stage.cancel(asked);
    expect(await asked.ended).toEqual({ kind: 'done' });
    stage.server.says(`{"jsonrpc":"2.0","id":"${held[0]?.id}",${begun}}`, held[0]);
    expect((await stage.arrived('tasks/cancel')).params).toEqual({ taskId: 't1' });
    expect(stage.server.of('notifications/cancelled')).toEqual([]);
  });

  describe('whose stream breaks', () => {
    const broken = {
      kind: 'failed',
      error: new DrawbridgeError('stream-lost', 'Broken off; may have run.'),
      mayHaveRun: true,
    } as const;

    test('are asked for their result again', async () => {
      const stage = taskStage();
      const replies = [broken, result({ content: [{ type: 'text', text: 'done' }] })];
      stage.handlers.set('tasks/result', () => replies.shift());
      expect((await stage.get('tools/call', { name: 'a' })).result.content).toEqual([
        { type: 'text', text: 'done' },
      ]);
      expect(stage.server.of('tasks/result')).toHaveLength(2);
    });

    test('and of which the server then knows nothing may have run', async () => {
      const stage = taskStage();
      const replies = [broken, error(-32602)];
      stage.handlers.set('tasks/result', () => replies.shift());
      expect(await stage.ask('tools/call', { name: 'a' }).ended).toMatchObject({
        error: { reason: 'stream-lost' },
      });
    });

    test('are cancelled as tasks in between', async () => {
      const stage = taskStage();
      stage.handlers.set('tasks/result', () => broken);
      vi.spyOn(Math, 'random').mockReturnValue(1); // the longest pause
      onTestFinished(() => void vi.restoreAllMocks());
      const asked = stage.ask('tools/call', { name: 'a' });
      await stage.arrived('tasks/result');
      await settled();
      stage.cancel(asked);
      await stage.arrived('tasks/cancel');
      expect(stage.server.of('tasks/result')).toHaveLength(1);
    });
  });

  test('a tool that is not there is said to be so', async () => {
    const stage = taskStage();
    stage.handlers.set('tools/call', () => error(-32601));
    expect((await stage.get('tools/call', { name: 'x' })).error.code).toBe(-32601);
    expect(stage.server.of('tools/call')).toHaveLength(2);
  });
});
