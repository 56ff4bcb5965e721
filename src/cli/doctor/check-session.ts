import { displayText } from '../../errors.ts';
import { isObject, type JsonRpcResponse } from '../../jsonrpc.ts';
import { isModernCode } from '../../remote/http-answer.ts';
import { headerParameters } from '../../remote/tool-headers.ts';
import { LATEST_MODERN, metaKeys, metaOf } from '../../revisions.ts';
import type { Examination } from './examination.ts';
import { type Opening, openConversation, resultOf } from './open-conversation.ts';
import { refused } from './refused-credential.ts';
import { RemoteSession } from './remote-session.ts';
import { type Finding, fail, failedBy, ok, skip, warn } from './step.ts';

const names = { http: 'Streamable HTTP', sse: 'HTTP+SSE' } as const;

/** Opens a session as a client would: finds the transport, the era and the revision. */
export async function checkInitialize(examination: Examination): Promise<Finding> {
  const { settings, challenge, credential, fixedBy, isListOpen, inUse } = examination;
  if (challenge && credential === undefined && fixedBy === undefined && !isListOpen)
    return skip('there is no token to try');
  const { transport: choice, era } = settings;
  const found = choice === 'auto' ? (examination.transport ?? 'http') : choice;
  const client = await examination.client();
  // The older transport has no modern form.
  const first = era === 'modern' ? 'http' : found;
  await inUse?.ready(); // what proves that we have the key of a bound token
  const sign = inUse && ((used: string | undefined) => inUse.signer(used));
  const session = await RemoteSession.create(settings, client, credential, first, examination.log, sign);
  examination.session = session;
  const opening = await openConversation(session, era, examination.isModern && first === 'http');
  const { initialize, discovery } = opening;
  const isDiscovered = discovery?.verdict.era === 'modern' || initialize === undefined;
  const finding = judge(examination, session, opening);
  return isDiscovered ? { ...finding, title: 'server/discover' } : finding;
}

function judge(examination: Examination, session: RemoteSession, opening: Opening): Finding {
  const { initialize, discovery } = opening;
  if (discovery?.verdict.era === 'modern')
    return modernServer(examination, opening, discovery.verdict.version);
  const result = resultOf(initialize);
  return result ? legacyServer(examination, session, result) : notOpened(examination, opening);
}

function legacyServer(
  examination: Examination,
  session: RemoteSession,
  { protocolVersion, serverInfo, capabilities }: Record<string, unknown>,
): Finding {
  examination.hasTools = isObject(capabilities) && capabilities.tools !== undefined;
  const revision = displayText(String(protocolVersion), 40);
  const server = nameOf(serverInfo);
  const { transport, hasId } = session;
  const facts = { era: 'legacy', transport, protocolVersion: revision, server, hasSessionId: hasId };
  return ok(`${names[transport]}, revision ${revision}${hasId ? ', with a session' : ''}: ${server}`, facts);
}

function modernServer(examination: Examination, opening: Opening, protocolVersion: string): Finding {
  const { initialize, discovery } = opening;
  const result = resultOf(discovery?.reply) ?? {};
  const { capabilities } = result;
  examination.hasTools = isObject(capabilities) && capabilities.tools !== undefined;
  // Servers made before the revision was done name themselves beside `_meta`.
  const server = nameOf(metaOf(result)[metaKeys.serverInfo] ?? result.serverInfo);
  const opened = resultOf(initialize);
  const older = opened && displayText(String(opened.protocolVersion), 40);
  const also = older === undefined ? '' : `, and ${older} for clients of the older era`;
  return ok(`${names.http}, revision ${protocolVersion}${also}: ${server}`, {
    era: 'modern',
    transport: 'http',
    protocolVersion,
    ...(older !== undefined && { alsoSpeaks: older }),
    server,
    hasSessionId: false,
  });
}

function notOpened(examination: Examination, { initialize, discovery }: Opening): Finding {
  const { era, transport: choice } = examination.settings;
  const verdict = discovery?.verdict;
  if (verdict?.era === 'foreign') {
    const supported = verdict.supported.slice(0, 10).map((one) => displayText(one, 40));
    return fail(
      `the server speaks only revisions that are not known here: ${supported.join(', ')}`,
      'unsupported-transport',
      'npx -y mcp-drawbridge@latest, which may know them',
      { era: 'modern', supported },
    );
  }
  if (era === 'modern' && verdict?.era === 'legacy')
    return fail(
      `the server does not speak the revision ${LATEST_MODERN}`,
      'other-era',
      'leave --era modern out',
      { era: 'legacy' },
    );
  const reply = verdict?.era === 'unknown' ? discovery?.reply : (initialize ?? discovery?.reply);
  if (reply?.kind === 'failed') {
    const other = choice === 'http' ? 'sse' : 'http';
    const fix =
      choice === 'auto' ? undefined : `leave --transport ${choice} out, or try --transport ${other}`;
    return failedBy(reply.error, fix);
  }
  if (reply?.kind === 'refused') return refused(examination, reply.challenge);
  const message = reply?.message;
  if (era === 'legacy' && isObject(message?.error) && isModernCode(message.error.code))
    return fail(
      `the server speaks only revisions from ${LATEST_MODERN} on, which do without initialize`,
      'other-era',
      'leave --era legacy out',
      { era: 'modern' },
    );
  return remoteError(message);
}

/** The first thing that a client asks for; where a scope is missing, this is often where it shows. */
export async function checkTools(examination: Examination): Promise<Finding> {
  const { session, hasTools } = examination;
  if (!session) return skip('there is no session');
  if (!hasTools) return skip('the server says that it has no tools');
  const reply = await session.request('tools/list');
  if (reply.kind === 'failed') return failedBy(reply.error);
  if (reply.kind === 'refused') return refused(examination, reply.challenge);
  const result = resultOf(reply);
  if (!result) return remoteError(reply.message);
  const tools: unknown[] = Array.isArray(result.tools) ? result.tools : [];
  const count = tools.length;
  const more = result.nextCursor === undefined ? '' : ', and more on further pages';
  const text = `${count} ${count === 1 ? 'tool' : 'tools'}${more}`;
  const unusable = session.isModern ? tools.flatMap(unusableTool) : [];
  if (unusable.length > 0)
    return warn(
      `${text}; a client has to leave out ${unusable.join(', ')}: x-mcp-header is not valid there`,
      'invalid-tool-header',
      'tell whoever runs the server',
      { tools: count, unusable },
    );
  if (count > 0) return ok(text, { tools: count });
  const fix =
    'ask whoever runs the server whether your account, or the scopes of the sign-in, should show some';
  return warn('the list is empty', 'no-tools', fix, { tools: 0 });
}

/** Its name where its annotations for headers are at fault (MCP 2026-07-28, Streamable HTTP, Schema Extension). */
function unusableTool(tool: unknown): string[] {
  if (!isObject(tool) || typeof headerParameters(tool.inputSchema) !== 'string') return [];
  return [displayText(String(tool.name), 60)];
}

function nameOf(serverInfo: unknown): string {
  if (!isObject(serverInfo)) return 'a server without a name';
  return displayText(`${serverInfo.name ?? ''} ${serverInfo.version ?? ''}`, 80);
}

function remoteError(answer: JsonRpcResponse | undefined): Finding {
  const { code, message } = isObject(answer?.error)
    ? answer.error
    : { code: undefined, message: 'an answer without a result' };
  const text = `the server answers with the error ${code ?? ''} “${displayText(String(message), 200)}”`;
  return fail(text, 'invalid-answer', 'ask whoever runs the server; it is not about the way to it');
}
