import type { MessageText } from '../../byte-text.ts';
import { DrawbridgeError, displayText } from '../../errors.ts';
import { setMember } from '../../json-edit.ts';
import { isObject, type JsonRpcResponse, type MessageId } from '../../jsonrpc.ts';
import {
  isLegacyRevision,
  isModernRevision,
  metaKeys,
  metaOf,
  modernRevisions,
  revisionNamedIn,
} from '../../revisions.ts';
import { version } from '../../version.ts';
import { type Answer, ownAnswer } from '../pending-requests.ts';
import { genericCapabilities, signInPending, withListChanges } from '../provisional-answers.ts';

/** What the bridge itself says to a modern client, and the few words of a server's that it mends. */

const UNSUPPORTED_VERSION = -32022;
/** Results of these say how long they may be kept (MCP 2026-07-28, Caching). */
const cacheable = /^(server\/discover|(tools|prompts|resources|resources\/templates)\/list|resources\/read)$/;

/** What is wrong with a request by what it says of itself in `_meta` (MCP 2026-07-28, `_meta`; Versioning). */
export function faultOf(params: unknown): DrawbridgeError | undefined {
  const requested = revisionNamedIn(params);
  if (typeof requested !== 'string')
    return new DrawbridgeError(
      'invalid-params',
      `The request's _meta has a ${metaKeys.protocolVersion} that is no text.`,
    );
  if (!isModernRevision(requested)) {
    const supported = [...modernRevisions];
    return new DrawbridgeError(
      'unsupported-revision',
      `The bridge speaks ${supported.join(', ')} in this form, not ${displayText(requested, 40)}; older revisions begin with "initialize".`,
      { supported, requested: displayText(requested, 100) },
    );
  }
  if (isObject(metaOf(params)[metaKeys.clientCapabilities])) return undefined;
  return new DrawbridgeError(
    'invalid-params',
    `The request's _meta lacks ${metaKeys.clientCapabilities}, an object.`,
  );
}

/** An answer of the bridge's own in the modern form: complete, not to be kept, and by whom. */
export function asModernAnswer(answer: Answer, method: string): Answer {
  const { message } = answer;
  if (!isObject(message.result) || 'resultType' in message.result) return answer;
  return ownAnswer(message.id, {
    ...message.result,
    resultType: 'complete',
    ...(cacheable.test(method) && { ttlMs: 0, cacheScope: 'private' }),
    _meta: { ...metaOf(message.result), [metaKeys.serverInfo]: { name: 'mcp-drawbridge', version } },
  });
}

/**
 * The answer to `server/discover` while nobody is signed in. A probe opens no window; the request that follows does
 * (checklist B-04, B-06).
 *
 * @param remembered what the server answered at another time, if it is known
 */
export function provisionalDiscovery(
  id: MessageId,
  host: string,
  remembered: Readonly<Record<string, unknown>> | undefined,
): Answer {
  const { capabilities, instructions, serverInfo } = remembered ?? {};
  const words = remembered ? instructions : signInPending(host);
  return ownAnswer(id, {
    supportedVersions: [...modernRevisions],
    capabilities: isObject(capabilities) ? withListChanges(capabilities) : genericCapabilities,
    ...(typeof words === 'string' && { instructions: words }),
    resultType: 'complete',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [metaKeys.serverInfo]: isObject(serverInfo) ? serverInfo : { name: host, version: '0' } },
  });
}

/** A result that does not say what kind it is is complete; a client on stdio is to be told so (checklist M-28, M-29). */
export function complete(text: MessageText, { result }: JsonRpcResponse): MessageText {
  if (!isObject(result) || 'resultType' in result) return text;
  return setMember(text.toString(), ['result', 'resultType'], '"complete"');
}

/** A discovery as the client may rely on it: without revisions that the bridge can't carry (checklist M-51). */
export function withKnownVersions(text: MessageText, { result }: JsonRpcResponse): MessageText {
  const versions = isObject(result) ? result.supportedVersions : undefined;
  if (!Array.isArray(versions) || versions.every(isCarried)) return text;
  const known = JSON.stringify(versions.filter(isCarried));
  return setMember(text.toString(), ['result', 'supportedVersions'], known);
}

/** The error of a server that has refused a revision, with what the client can choose instead (checklist B-81). */
export function withKnownRevisions(error: string): string {
  const { code, data } = JSON.parse(error) as { code?: unknown; data?: unknown };
  const supported = isObject(data) ? data.supported : undefined;
  if (code !== UNSUPPORTED_VERSION || !Array.isArray(supported) || supported.every(isCarried)) return error;
  return setMember(error, ['data', 'supported'], JSON.stringify(supported.filter(isCarried)));
}

function isCarried(revision: unknown): boolean {
  return isModernRevision(revision) || isLegacyRevision(revision);
}
