import { DrawbridgeError } from '../../errors.ts';
import type { OAuthError } from '../token-endpoint.ts';

/** What helps against a refusal, by the error code of the token endpoint (RFC 6749 section 5.2, RFC 8707 section 2). */
const hints: Readonly<Record<string, string>> = {
  invalid_client:
    'it does not know this client, or takes another secret or key (--client-secret, --client-key)',
  unauthorized_client: 'this client has to be allowed that grant there',
  unsupported_grant_type: 'it does not know that grant',
  invalid_grant: 'ask whoever runs that server',
  invalid_scope: 'name others with --scope',
  invalid_target: 'name another --resource, or give --no-resource',
  access_denied: 'ask whoever runs that server',
};

/** The refusal of a token with what helps: nobody can be asked to sign in. */
export function explainRefusal(error: OAuthError): DrawbridgeError {
  const hint = hints[error.code];
  if (hint === undefined) return error;
  const text = `${error.message.replace(/\.$/, '')}; ${hint}.`;
  return new DrawbridgeError('sign-in-refused', text, error.details, error);
}
