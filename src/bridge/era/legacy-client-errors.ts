import { DrawbridgeError, displayText } from '../../errors.ts';
import { setMember } from '../../json-edit.ts';
import { findMember, toOneLine } from '../../json-text.ts';
import { isObject } from '../../jsonrpc.ts';
import type { OutgoingRequest } from '../../remote/transport.ts';
import { type Answer, errorAnswer, toolAnswer } from '../pending-requests.ts';
import { errors, INTERNAL_ERROR, RESOURCE_NOT_FOUND } from './legacy-client-tables.ts';

/**
 * An error of a modern server as a legacy client is to get it.
 *
 * @param request the one that it answers
 * @param text the error, JSON
 * @returns `probe-again` where the server is to be asked first which revisions it speaks
 */
export function legacyErrorAnswer(request: OutgoingRequest, text: string): Answer | 'probe-again' {
  const error: unknown = JSON.parse(text);
  const { code, data } = isObject(error) ? error : {};
  switch (typeof code === 'number' ? errors[code] : undefined) {
    case 'probe-again':
      return 'probe-again';
    case 'local':
      return errorAnswer(request.id, headersRefused(), request.method);
    case 'missing-capability':
      return missingCapability(request, text, data);
    case 'resource-not-found': {
      const isAsked = isObject(request.params) && isObject(data) && data.uri === request.params.uri;
      const isMissing = request.method === 'resources/read' && isAsked && data.uri !== undefined;
      return remoteError(request, isMissing ? setMember(text, ['code'], String(RESOURCE_NOT_FOUND)) : text);
    }
    default:
      return remoteError(request, text);
  }
}

/** What makes the call of a tool fail for a cause that the model should read; others get an error. */
export function failureAnswer(request: OutgoingRequest, text: string): Answer {
  if (request.method === 'tools/call') return toolAnswer(request.id, text, true);
  return remoteError(request, JSON.stringify({ code: INTERNAL_ERROR, message: text }));
}

function missingCapability(request: OutgoingRequest, text: string, data: unknown): Answer {
  const required = isObject(data) && isObject(data.requiredCapabilities) ? data.requiredCapabilities : {};
  const names = displayText(Object.entries(required).flatMap(namesOf).join(', ') || 'unnamed');
  const message = `The server needs a capability that this client does not have: ${names}.`;
  if (request.method === 'tools/call') return failureAnswer(request, message);
  const span = findMember(text, 'data', 'requiredCapabilities');
  const dataJson = span ? `,"data":{"requiredCapabilities":${text.slice(span.start, span.end)}}` : '';
  const error = `{"code":${INTERNAL_ERROR},"message":${JSON.stringify(message)}${dataJson}}`;
  return remoteError(request, error);
}

/** A capability by its name, with those of its parts that are missing. */
function namesOf([name, parts]: [string, unknown]): string[] {
  const inner = isObject(parts) ? Object.keys(parts) : [];
  return inner.length === 0 ? [name] : inner.map((part) => `${name}.${part}`);
}

function remoteError({ id }: OutgoingRequest, error: string): Answer {
  return {
    text: `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${toOneLine(error)}}`,
    message: { kind: 'response', id, error: JSON.parse(error) },
  };
}

function headersRefused(): DrawbridgeError {
  return new DrawbridgeError(
    'invalid-answer',
    'The server says that the headers of the request do not fit its body; does something on the way change headers?',
  );
}
