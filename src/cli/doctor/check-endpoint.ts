import { DrawbridgeError } from '../../errors.ts';
import { askForStream, askForTools, type ServerAnswer } from './ask-server.ts';
import { reach } from './check-network.ts';
import type { Examination } from './examination.ts';
import { type Finding, fail, failedBy, ok, warn } from './step.ts';

/** Where MCP servers usually are. */
const USUAL_PATHS = ['/mcp', '/sse'];

/**
 * What the server says to a request without a credential: 401 with a challenge (MCP 2025-11-25, Protected Resource
 * Metadata Discovery Requirements), an answer, or something that is no MCP.
 */
export async function checkEndpoint(examination: Examination): Promise<Finding> {
  const finding = await lookAt(examination);
  examination.isServed = finding.status !== 'fail';
  return finding;
}

async function lookAt(examination: Examination): Promise<Finding> {
  const posted = await reach(examination);
  if (posted instanceof DrawbridgeError) return unanswered(posted);
  examination.isModern = posted.isModern;
  if (wantsSignIn(posted)) return challenged(examination, posted, 'refuses with');
  const streamed = posted.isModern ? undefined : await ask(examination, askForStream, examination.path);
  if (streamed?.isEventStream && !posted.isMcp) examination.transport = 'sse';
  else if (posted.isMcp) examination.transport = 'http';
  if (streamed && wantsSignIn(streamed)) {
    const what = posted.isMcp ? 'lists its tools openly, and refuses the event stream with' : 'refuses with';
    if (!posted.isMcp) examination.transport = 'sse';
    return challenged(examination, streamed, what);
  }
  if (posted.isModern) return ok('answers without a sign-in, as a server of the revision 2026-07-28');
  if (examination.transport === 'sse') return ok('opens an HTTP+SSE stream without a sign-in');
  if (posted.isMcp) return ok('answers without a sign-in');
  return noMcp(examination, posted);
}

function wantsSignIn({ status, schemes }: ServerAnswer): boolean {
  return status === 401 || (status === 403 && schemes.includes('bearer'));
}

function challenged(examination: Examination, answer: ServerAnswer, what: string): Finding {
  const { challenge, schemes, status } = answer;
  examination.challenge = challenge;
  examination.isListOpen = what.startsWith('lists');
  const { resourceMetadata, scope = null } = challenge;
  const facts = { status, schemes, namesMetadata: resourceMetadata !== undefined, scope };
  const isBearer = schemes.includes('bearer') || schemes.includes('dpop');
  if (isBearer) {
    const names = resourceMetadata === undefined ? ', which names no metadata' : ', which names its metadata';
    const wants = scope === null ? '' : `, and wants the scope “${scope}”`;
    return ok(`${what} ${status} and a Bearer challenge${names}${wants}`, facts);
  }
  if (schemes.length > 0)
    return warn(
      `${what} ${status}, and wants ${schemes.join(', ')} in place of a bearer token`,
      'other-scheme',
      `give the credential that it wants: --header 'Authorization: …'`,
      facts,
    );
  return warn(
    `${what} ${status} without WWW-Authenticate: how to sign in has to be guessed`,
    'no-challenge',
    examination.fixedBy === undefined
      ? `if the server wants an API key and no sign-in, give it: --header 'Authorization: Bearer \${KEY}'`
      : undefined,
    facts,
  );
}

function unanswered(error: DrawbridgeError): Finding {
  const fix: Partial<Record<typeof error.reason, string>> = {
    'redirect-refused': 'use the URL that it leads to, if you trust it; a page to log in at is no MCP server',
    timeout: 'try again later, or ask whoever runs the server',
    'invalid-answer': 'correct the URL: what is there does not speak HTTP as it should',
  };
  return failedBy(error, fix[error.reason]);
}

async function noMcp(examination: Examination, answer: ServerAnswer): Promise<Finding> {
  const { url } = examination.settings;
  const { status, looksLike } = answer;
  if (status === 429 || (status >= 500 && looksLike !== 'html')) {
    const reason = status === 429 ? 'rate-limited' : 'http-status';
    return fail(`answers with HTTP status ${status}`, reason, 'try again later', { status });
  }
  const found = await findPath(examination);
  const facts = { status, looksLike, ...(found !== undefined && { found }) };
  const fix = found === undefined ? "look the URL up in the server's own guide" : `use this URL: ${found}`;
  const there = found === undefined ? '' : `; MCP is at ${new URL(found).pathname}`;
  if (looksLike === 'html') {
    const what = 'a web page: a portal, a login page, or the wrong path';
    return fail(
      `no MCP at ${url.pathname}: it answers with ${what} (HTTP ${status})${there}`,
      'invalid-answer',
      fix,
      facts,
    );
  }
  if (status >= 400)
    return fail(`no MCP at ${url.pathname}: HTTP status ${status}${there}`, 'http-status', fix, facts);
  const what = looksLike === 'nothing' ? 'nothing' : `${looksLike}, which is no JSON-RPC`;
  return fail(
    `no MCP at ${url.pathname}: it answers with ${what} (HTTP ${status})${there}`,
    'invalid-answer',
    fix,
    facts,
  );
}

/** The URL on the same origin at which MCP answers, if it is one of the usual ones. */
async function findPath(examination: Examination): Promise<string | undefined> {
  const { origin, pathname } = examination.settings.url;
  for (const path of USUAL_PATHS.filter((usual) => usual !== pathname)) {
    const posted = await ask(examination, askForTools, path);
    if (posted && (posted.isMcp || wantsSignIn(posted))) return origin + path;
    const streamed = posted && (await ask(examination, askForStream, path));
    if (streamed && (streamed.isEventStream || wantsSignIn(streamed))) return origin + path;
  }
  return undefined;
}

/** @returns undefined where there is no answer: the first question has been answered, so that says nothing new */
async function ask(
  examination: Examination,
  how: typeof askForTools,
  path: string,
): Promise<ServerAnswer | undefined> {
  const client = await examination.client();
  return how(client, path, examination.openHeaders).catch(() => undefined);
}
