import { displayText } from '../../errors.ts';
import { isObject, type JsonRpcResponse } from '../../jsonrpc.ts';
import type { Examination } from './examination.ts';
import { refused } from './refused-credential.ts';
import { RemoteSession, type Reply } from './remote-session.ts';
import { type Finding, fail, failedBy, ok, skip, warn } from './step.ts';

const names = { http: 'Streamable HTTP', sse: 'HTTP+SSE' } as const;

/** Opens a session as a client would: finds the transport, the era and the revision. */
export async function checkInitialize(examination: Examination): Promise<Finding> {
  const { settings, challenge, credential, fixedBy, isListOpen } = examination;
  if (challenge && credential === undefined && fixedBy === undefined && !isListOpen)
    return skip('there is no token to try');
  const { transport: choice } = settings;
  const first = choice === 'auto' ? (examination.transport ?? 'http') : choice;
  const client = await examination.client();
  const session = await RemoteSession.create(settings, client, credential, first, examination.log);
  examination.session = session;
  const reply = await session.initialize();
  if (reply.kind === 'failed') {
    const other = choice === 'http' ? 'sse' : 'http';
    const fix =
      choice === 'auto' ? undefined : `leave --transport ${choice} out, or try --transport ${other}`;
    return failedBy(reply.error, fix);
  }
  if (reply.kind !== 'answer') return refusedBy(examination, reply);
  const { result } = reply.message;
  if (!isObject(result)) return remoteError(reply.message);
  const { protocolVersion, serverInfo, capabilities } = result;
  examination.hasTools = isObject(capabilities) && capabilities.tools !== undefined;
  const revision = displayText(String(protocolVersion), 40);
  const server = isObject(serverInfo)
    ? displayText(`${serverInfo.name ?? ''} ${serverInfo.version ?? ''}`, 80)
    : 'a server without a name';
  const { transport, hasId } = session;
  const facts = { era: 'legacy', transport, protocolVersion: revision, server, hasSessionId: hasId };
  return ok(`${names[transport]}, revision ${revision}${hasId ? ', with a session' : ''}: ${server}`, facts);
}

/** The first thing that a client asks for; where a scope is missing, this is often where it shows. */
export async function checkTools(examination: Examination): Promise<Finding> {
  const { session, hasTools } = examination;
  if (!session) return skip('there is no session');
  if (!hasTools) return skip('the server says that it has no tools');
  const reply = await session.request('tools/list');
  if (reply.kind === 'failed') return failedBy(reply.error);
  if (reply.kind !== 'answer') return refusedBy(examination, reply);
  const { result } = reply.message;
  if (!isObject(result)) return remoteError(reply.message);
  const count = Array.isArray(result.tools) ? result.tools.length : 0;
  const more = result.nextCursor === undefined ? '' : ', and more on further pages';
  if (count > 0) return ok(`${count} ${count === 1 ? 'tool' : 'tools'}${more}`, { tools: count });
  const fix =
    'ask whoever runs the server whether your account, or the scopes of the sign-in, should show some';
  return warn('the list is empty', 'no-tools', fix, { tools: 0 });
}

function refusedBy(examination: Examination, reply: Extract<Reply, { kind: 'refused' | 'modern' }>): Finding {
  if (reply.kind === 'refused') return refused(examination, reply.challenge);
  return fail(
    'the server speaks only revisions from 2026-07-28 on, which do without it',
    'unsupported-transport',
    'npx -y mcp-drawbridge@latest, which may know them',
    { era: 'modern' },
  );
}

function remoteError({ error }: JsonRpcResponse): Finding {
  const { code, message } = isObject(error)
    ? error
    : { code: undefined, message: 'an answer without a result' };
  const text = `the server answers with the error ${code ?? ''} “${displayText(String(message), 200)}”`;
  return fail(text, 'invalid-answer', 'ask whoever runs the server; it is not about the way to it');
}
