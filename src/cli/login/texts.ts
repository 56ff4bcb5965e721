import type { DevicePrompt } from '../../authorization/sign-in/run-device-sign-in.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import { displayText } from '../../errors.ts';
import { absoluteTime, isoTime, relativeTime } from '../stored/times.ts';
import type { Place } from './interactivity.ts';

const CAUTION =
  'Paste only what comes of a sign-in that you have begun yourself; never for somebody who asks you to.';

/** The machine that `login` runs on, as another one reaches it. */
export interface Host {
  user: string;
  name: string;
}

/**
 * How the redirect gets from a browser that may be elsewhere to this machine.
 *
 * @param port of the loopback that is listened on
 * @param isOpened a browser is being opened from here
 * @param host for the SSH command
 */
export function redirectHelp(
  place: Place,
  port: number,
  isOpened: boolean,
  { user, name, sshPort }: Host & { sshPort: string | undefined },
): string {
  const address = `http://127.0.0.1:${port}`;
  const paste = `paste the address that the browser ends at (${address}/…) here, though it can not open it`;
  if (place === 'ssh' && !isOpened) {
    const option = sshPort === undefined || sshPort === '22' ? '' : `-p ${sshPort} `;
    return [
      `You are on this machine over SSH, and the browser has to come back to ${address}. Either run this first, in`,
      'another terminal of the machine that has the browser (with the name that you use for this one):',
      '',
      `  ssh -L ${port}:127.0.0.1:${port} ${option}${user}@${name}`,
      '',
      `or ${paste}.`,
      CAUTION,
    ].join('\n');
  }
  const where =
    place === 'container'
      ? 'This is a container, which the browser may not reach'
      : place === 'wsl'
        ? 'If the browser in Windows does not reach this system (WSL)'
        : 'If the browser is on another machine';
  return `${where}: ${paste}.\n${CAUTION}`;
}

/** What is said before and after the page of a sign-in by device code; the page stands between, on a line of its own. */
export function deviceHelp(
  prompt: DevicePrompt,
  server: string,
  machine: string,
): { before: string; after: string } {
  const { userCode, verificationUri, verificationUriComplete, issuer, isOtherSite } = prompt;
  const warning = isOtherSite
    ? [
        '',
        `WARNING: this page belongs to ${new URL(verificationUri).hostname}, not to ${issuer}, where you sign in. Go on only if you know that they belong together.`,
      ]
    : [];
  return {
    before: 'On any device, open this page and enter the code below:',
    after: [
      '',
      `  Code: ${userCode}`,
      ...(verificationUriComplete === undefined
        ? []
        : ['', 'or open this one, which has the code in it:', `  ${verificationUriComplete}`]),
      ...warning,
      '',
      `You started this on ${displayText(machine, 64)}, to sign in to ${server}. Nobody else should ask you for this code, or give you one.`,
    ].join('\n'),
  };
}

/** What a sign-in has given, for people. @param now epoch milliseconds */
export function granted(record: ConnectionRecord, now: number): string {
  const { server, issuer, scope, expiresAt, refreshToken, personalToken, profile, grant } = record;
  const { host } = new URL(server);
  const as = profile === 'default' ? '' : ` (profile ${profile})`;
  const end =
    expiresAt === undefined ? undefined : `${relativeTime(expiresAt, now)} (${absoluteTime(expiresAt)})`;
  if (personalToken)
    return [
      `Stored the personal access token for ${host}${as}; bridges use it from now on.`,
      end === undefined ? 'Nothing in it says when it expires.' : `It expires ${end}, by its own word.`,
    ].join('\n');
  return [
    `${grant === undefined || grant === 'enterprise' ? 'Signed in to' : 'Got a token for'} ${host}${as} through ${new URL(issuer).host}.`,
    `Scopes: ${scope ? displayText(scope, 500) : 'the default ones'}.`,
    `Access token: ${end === undefined ? 'it does not say when it expires' : `expires ${end}`}; ${
      refreshToken === undefined && grant === undefined
        ? 'it can not be renewed, so you will be asked again'
        : 'it is renewed by itself'
    }.`,
  ].join('\n');
}

/** The same for programs: the document of `login --json`, in the words of `status --json`. */
export function grantedDocument(record: ConnectionRecord): Record<string, unknown> {
  const { server, profile, issuer, scope, resource, expiresAt, refreshToken, personalToken, grant } = record;
  const { origin, pathname, search } = new URL(server);
  return {
    schema: 'mcp-drawbridge/login',
    version: 1,
    // A query may hold a key.
    server: search ? `${origin}${pathname}?…` : server,
    profile,
    kind: personalToken ? 'personal-token' : 'oauth',
    grant: grant ?? null,
    issuer,
    // Nothing that is asked for tells it.
    account: null,
    scopes: scope === undefined ? null : scope.split(' ').filter(Boolean),
    resource,
    expiresAt: expiresAt === undefined ? null : isoTime(expiresAt),
    refreshable: refreshToken !== undefined || grant !== undefined,
  };
}
