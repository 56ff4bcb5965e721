import type { StoredConnection } from '../credentials/record.ts';
import { DrawbridgeError } from '../errors.ts';
import type { SignInSettings } from '../settings.ts';
import { DPOP_ALGORITHM, Dpop, generateDpopKey } from './dpop.ts';
import type { AuthorizationServerMetadata, ProtectedResourceMetadata } from './metadata.ts';

/** The key that a grant is bound to (RFC 9449). */
export interface Binding {
  dpop: Dpop;
  /** A token that is not bound is refused, rather than used as it is. */
  isRequired: boolean;
}

/** What tells whether tokens are to be bound. */
export interface BindingQuestion {
  signIn: Pick<SignInSettings, 'dpop' | 'useIdToken'>;
  authorizationServer: AuthorizationServerMetadata;
  resource: ProtectedResourceMetadata | undefined;
  /** What the resource's challenge says: whether it has the scheme DPoP. */
  challenge: { dpop?: boolean | undefined };
  /** The credentials kept for this connection. */
  known: readonly StoredConnection[];
}

/** What is to become of tokens: `offered` ones are taken as they come, bound or not. */
export type BindingChoice = 'none' | 'offered' | 'required';

/**
 * Whether tokens are to be bound: where the user demands it, where that was so before, and where the resource takes bound
 * tokens (docs/decisions/0015).
 *
 * @throws DrawbridgeError `sign-in-refused` where they have to be, and the authorization server takes no proofs of ours
 */
export function bindingChoice(question: BindingQuestion): BindingChoice {
  const { signIn, authorizationServer, known } = question;
  if (signIn.dpop === 'off' || signIn.useIdToken) return 'none';
  const { issuer, dpopAlgorithms } = authorizationServer;
  const wasBound = known.some(({ record }) => record.issuer === issuer && record.tokenType === 'DPoP');
  const isRequired = signIn.dpop === 'on' || wasBound;
  if (!isRequired && !takesBoundTokens(question)) return 'none';
  // Where nothing is listed, the answer tells.
  const isPossible = dpopAlgorithms?.includes(DPOP_ALGORITHM) ?? true;
  if (isRequired && !isPossible) throw noAlgorithm(issuer);
  return isRequired ? 'required' : isPossible ? 'offered' : 'none';
}

/** A new key where tokens are to be bound, for one record. See bindingChoice. */
export function chooseBinding(question: BindingQuestion): Binding | undefined {
  const choice = bindingChoice(question);
  if (choice === 'none') return undefined;
  return { dpop: new Dpop(generateDpopKey()), isRequired: choice === 'required' };
}

/**
 * Whether the resource says that it takes them. That an authorization server can make them says nothing of its resources:
 * many list it for all their customers.
 */
function takesBoundTokens({ resource, challenge }: BindingQuestion): boolean {
  if (resource?.dpopAlgorithms) return resource.dpopAlgorithms.includes(DPOP_ALGORITHM);
  return resource?.requiresBoundTokens === true || challenge.dpop === true;
}

function noAlgorithm(issuer: string): DrawbridgeError {
  return new DrawbridgeError(
    'sign-in-refused',
    `${new URL(issuer).host} does not take proofs of possession by ${DPOP_ALGORITHM}; give --dpop off for tokens that are not bound.`,
  );
}
