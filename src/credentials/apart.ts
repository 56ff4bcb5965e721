import type { SignInSettings } from '../settings.ts';
import { connectionId, idOf } from './ids.ts';
import { type ConnectionRecord, findConnections, type StoredConnection } from './record.ts';
import type { CredentialStore } from './store.ts';

/** What tells two sign-ins to one server apart besides the profile: two tenants, two audiences. */
type Asking = Pick<SignInSettings, 'profile' | 'resource' | 'authorizeParams'>;

/** What a record says of how its sign-in was asked for, where that was by options. */
export function askedFor(signIn: Asking): Pick<ConnectionRecord, 'isResourceChosen' | 'authorizeParams'> {
  const params = paramsOf(signIn);
  return {
    ...(typeof signIn.resource === 'string' && { isResourceChosen: true as const }),
    ...(params !== undefined && { authorizeParams: params }),
  };
}

/**
 * The credentials of a connection that are for whoever asks so, the latest sign-in first: those of a sign-in that was
 * asked for alike, else those that fit as well. A resource that is asked for has to be that of the credentials;
 * parameters may be missing there, as where somebody has signed in by hand.
 *
 * @throws DrawbridgeError `credential-store` where one of them can't be opened
 */
export function findOwnConnections(
  store: CredentialStore,
  server: string,
  signIn: Asking,
): StoredConnection[] {
  const fitting = findConnections(store, server, signIn.profile).filter(({ record }) => fits(record, signIn));
  const alike = fitting.filter(({ record }) => record.personalToken || isAlike(record, signIn));
  return alike.length > 0 ? alike : fitting;
}

/** Whether a sign-in that is asked for so takes the place of a kept one. */
export function isAlike(record: ConnectionRecord, signIn: Asking): boolean {
  const { isResourceChosen, authorizeParams } = askedFor(signIn);
  return (
    record.isResourceChosen === isResourceChosen &&
    record.authorizeParams === authorizeParams &&
    (!isResourceChosen || record.resource === signIn.resource)
  );
}

/** The id of a sign-in that is under way: whoever asks otherwise makes another one. */
export function signInId(server: string, signIn: Asking): string {
  const { isResourceChosen, authorizeParams } = askedFor(signIn);
  if (!isResourceChosen && authorizeParams === undefined) return connectionId(server, signIn.profile);
  const resource = signIn.resource ?? null;
  return idOf('sign-in', server, signIn.profile, resource, authorizeParams ?? null).slice(0, 32);
}

function fits({ personalToken, resource, authorizeParams }: ConnectionRecord, signIn: Asking): boolean {
  if (personalToken) return true;
  const params = paramsOf(signIn);
  return (
    (typeof signIn.resource !== 'string' || resource === signIn.resource) &&
    (params === undefined || authorizeParams === undefined || authorizeParams === params)
  );
}

function paramsOf({ authorizeParams }: Asking): string | undefined {
  const names = Object.keys(authorizeParams).sort();
  return names.length > 0 ? JSON.stringify(authorizeParams, names) : undefined;
}
