import { type Surface, wrap } from './output.ts';
import type { ConnectionStatus, Problem, State, StatusReport } from './status-report.ts';
import { absoluteTime, relativeTime } from './times.ts';

/** Words carry the meaning; mark and colour only point at it. */
const marks: Record<State, { mark: string; word: string; colour: number }> = {
  ok: { mark: '✓', word: 'ok', colour: 32 },
  warning: { mark: '!', word: 'warning', colour: 33 },
  failed: { mark: '✗', word: 'failed', colour: 31 },
  kept: { mark: '-', word: 'kept', colour: 2 },
};

const problems: Record<Problem, string> = {
  expired: 'the access token has ended and can not be renewed',
  'ends-soon': 'the access token ends soon and can not be renewed',
  'renewal-interrupted': 'a renewal was cut off; the next one will show whether the grant still stands',
  'client-expired': 'the secret of the registered client has run out, so nothing can be renewed',
};

const sources: Record<ConnectionStatus['client']['source'], string> = {
  configured: 'registered beforehand',
  'metadata-document': 'client ID metadata document',
  registered: 'registered by this program',
};

const transports = { http: 'Streamable HTTP', sse: 'HTTP+SSE' } as const;

const grants: Record<NonNullable<ConnectionStatus['grant']>, string> = {
  client_credentials: 'a token of the client itself, without a user (client credentials)',
  workload: 'a token for the JWT of a workload, without a user',
  enterprise: 'signed in through the identity provider of the company',
};

const LABEL = 12;

/**
 * The report for people. Its last line is the command that fixes the first problem, where there is one.
 *
 * @param asked the server that was asked for, as it may be shown; undefined: all were
 */
export function statusText(report: StatusReport, asked: string | undefined, surface: Surface): string {
  const now = Date.parse(report.generatedAt);
  const { connections, store, fix } = report;
  const blocks = connections.map((one) => block(one, now, surface));
  if (connections.length === 0)
    blocks.push(
      asked === undefined
        ? 'Nobody is signed in anywhere: no credentials are stored.'
        : `${title('failed', asked, surface)}\n${line('state', 'nobody is signed in', surface)}`,
    );
  if (store.holder !== 'none')
    blocks.push(`${line('secrets', store.protection, surface)}\n${line('folder', store.folder, surface)}`);
  if (fix !== null) blocks.push(`${remedyOf(connections)}\n${fix}`);
  return `${blocks.join('\n\n')}\n`;
}

function block(status: ConnectionStatus, now: number, surface: Surface): string {
  const { profile, issuer, resource, scopes, client, kind, remote } = status;
  const isPersonal = kind === 'personal-token';
  const rows: [label: string, text: string | undefined][] = [
    ['state', stateOf(status)],
    ['profile', profile],
    ['issuer', isPersonal ? undefined : issuer],
    ['account', isPersonal ? undefined : 'not known'],
    ['scopes', isPersonal ? undefined : (scopes?.join(' ') ?? 'the default ones')],
    ['resource', resource === null || resource === status.server ? undefined : resource],
    ['token', tokenOf(status, now)],
    ['renewal', renewalOf(status)],
    ['client', isPersonal || client.id === '' ? undefined : `${client.id} (${sources[client.source]})`],
    ['server', remote ? remoteOf(remote) : undefined],
    [isPersonal || status.grant !== null ? 'stored' : 'signed in', signedInOf(status, now)],
  ];
  const known = rows.flatMap(([label, text]) => (text === undefined ? [] : [line(label, text, surface)]));
  return [title(status.state, status.server, surface), ...known].join('\n');
}

function title(state: State, server: string, { hasColour }: Surface): string {
  const { mark, word, colour } = marks[state];
  const shown = `${mark} ${word}`;
  return `${hasColour ? `\u001b[${colour}m${shown}\u001b[0m` : shown}  ${server}`;
}

function line(label: string, text: string, { width }: Surface): string {
  return `  ${label.padEnd(LABEL - 2)}${wrap(text, width, LABEL)}`;
}

function stateOf({ state, problem, grant }: ConnectionStatus): string {
  if (state === 'kept') return 'not in use: a later sign-in is';
  if (problem !== null) return problems[problem];
  return grant === null ? 'signed in' : grants[grant];
}

function tokenOf({ expiresAt, kind, tokenType }: ConnectionStatus, now: number): string {
  const bound = tokenType === 'DPoP' ? 'bound to a key (DPoP), ' : '';
  const what = kind === 'personal-token' ? 'personal access token, ' : bound;
  if (expiresAt === null) return `${what}no end is known`;
  const at = Date.parse(expiresAt);
  return `${what}${at <= now ? 'ended' : 'ends'} ${relativeTime(at, now)} (${absoluteTime(at)})`;
}

function renewalOf({ refreshable, kind, expiresIn }: ConnectionStatus): string | undefined {
  if (kind === 'personal-token') return undefined;
  if (!refreshable) return 'not possible; sign in again when it has ended';
  return expiresIn !== null && expiresIn <= 0 ? 'by itself, with the next use' : 'by itself';
}

function remoteOf(remote: NonNullable<ConnectionStatus['remote']>): string {
  const { name, version, protocolVersion, era, transport } = remote;
  const software = [name, version].filter((part) => part !== null).join(' ');
  const ofEra = era === null ? undefined : `${era} era`;
  const protocol = protocolVersion === null ? ofEra : `MCP ${protocolVersion} (${ofEra})`;
  const by = transport === null ? undefined : transports[transport];
  return [software, protocol, by].filter(Boolean).join(', ');
}

function signedInOf({ signedInAt, importedFrom }: ConnectionStatus, now: number): string {
  const at = Date.parse(signedInAt);
  const time = `${relativeTime(at, now)} (${absoluteTime(at)})`;
  return importedFrom === null ? time : `${time}, imported from ${importedFrom}`;
}

function remedyOf(connections: readonly ConnectionStatus[]): string {
  return connections.some(({ state }) => state === 'failed' || state === 'warning')
    ? 'To sign in again, run:'
    : 'To sign in, run:';
}
