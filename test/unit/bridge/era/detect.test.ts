import { describe, expect, test } from 'vitest';
import { type Verdict, verdictOfDiscover } from '../../../../src/bridge/era/detect.ts';
import { DrawbridgeError } from '../../../../src/errors.ts';
import type { Outcome } from '../../../../src/remote/transport.ts';
import { failed } from '../../helpers/scripted-modern.ts';

const done: Outcome = { kind: 'done' };
const ofResult = (result: unknown) => verdictOfDiscover(done, { kind: 'response', id: 1, result });
const ofError = (error: unknown) => verdictOfDiscover(done, { kind: 'response', id: 1, error });
const problem = (reason: 'unauthorized' | 'rate-limited' | 'invalid-answer') =>
  new DrawbridgeError(reason, 'no');

const legacy: Verdict = { era: 'legacy' };
const unknown: Verdict = { era: 'unknown' };

describe('the verdict by an answer with status 200 [B-10, B-11]', () => {
  test.each<[string, unknown, Verdict]>([
    [
      'a mutual modern version',
      { supportedVersions: ['2025-11-25', '2026-07-28'] },
      { era: 'modern', version: '2026-07-28' },
    ],
    ['only legacy versions', { supportedVersions: ['2025-11-25'] }, legacy],
    [
      'only modern versions that are unknown',
      { supportedVersions: ['2031-01-01'] },
      { era: 'foreign', supported: ['2031-01-01'] },
    ],
    ['no version at all', { supportedVersions: [] }, legacy],
    ['a result that is none of discovery', { anything: true }, legacy],
  ])('%s', (_, result, verdict) => {
    expect(ofResult(result)).toEqual(verdict);
  });

  test.each<[string, unknown, Verdict]>([
    ['method not found', { code: -32601, message: 'no' }, legacy],
    ['not initialized', { code: -32000, message: 'Server not initialized' }, legacy],
    ['another code', { code: -32602, message: 'no' }, legacy],
  ])('an error: %s', (_, error, verdict) => {
    expect(ofError(error)).toEqual(verdict);
  });
});

describe('the verdict by a refusal [B-10, B-11, B-14, Q-03, Q-04]', () => {
  const unsupported = (supported: unknown) => failed(400, { code: -32022, data: { supported } });

  test.each<[string, Outcome, Verdict]>([
    ['-32022 with a mutual version', unsupported(['2026-07-28']), { era: 'repeat', version: '2026-07-28' }],
    [
      '-32022 with unknown modern versions',
      unsupported(['2031-01-01']),
      { era: 'foreign', supported: ['2031-01-01'] },
    ],
    ['-32022 with legacy versions', unsupported(['2025-06-18', '2031-01-01']), legacy],
    ['-32022 without any', failed(400, { code: -32022 }), legacy],
    ['-32020', failed(400, { code: -32020 }), { era: 'repair' }],
    ['-32021', failed(400, { code: -32021 }), { era: 'repair' }],
    ['404 with -32601', failed(404, { code: -32601 }), legacy],
    ['500 with -32601', failed(500, { code: -32601 }), legacy],
    ['400 with an empty body', failed(400), legacy],
    ['404 with a page', failed(404), legacy],
    ['405', failed(405), legacy],
    ['400 with -32000', failed(400, { code: -32000, message: 'Server not initialized' }), legacy],
    ['404 with -32001', failed(404, { code: -32001 }), legacy],
    ['500', failed(500), unknown],
    ['500 with another code', failed(500, { code: -32603 }), unknown],
    ['502', failed(502), unknown],
    ['407, a word of the proxy', failed(407), unknown],
    ['no connection', failed(undefined), unknown],
    ['401 or 403', { kind: 'challenged', error: problem('unauthorized') }, unknown],
    ['429 or 503', { kind: 'busy', retryAfter: undefined, error: problem('rate-limited') }, unknown],
    ['200 with no message', { kind: 'failed', error: problem('invalid-answer'), mayHaveRun: true }, legacy],
    ['nothing', done, unknown],
  ])('%s', (_, outcome, verdict) => {
    expect(verdictOfDiscover(outcome)).toEqual(verdict);
  });
});
