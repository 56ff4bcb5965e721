import type { DrawbridgeError } from '../../errors.ts';
import { NoAnswer } from '../../platform/oauth-http.ts';
import type { FailureReason } from '../browser/pages.ts';
import type { AuthorizationResponse } from '../grants/authorization-code.ts';
import { OAuthError } from '../token-endpoint.ts';

/** Why, for the page: one of its own sentences, never the remote's words [40]. */
export function pageReason(failure: DrawbridgeError, response: AuthorizationResponse): FailureReason {
  if (failure.reason === 'credential-store') return 'not-saved';
  if (failure instanceof NoAnswer) return 'unreachable';
  if (failure instanceof OAuthError && failure.status >= 500) return 'server-error';
  const code = failure instanceof OAuthError ? failure.code : 'error' in response ? response.error : '';
  if (code === 'invalid_scope') return 'invalid-scope';
  if (/^(invalid|unauthorized)_client$/.test(code)) return 'invalid-client';
  if ('error' in response) return code === 'server_error' ? 'server-error' : 'request-refused';
  return failure instanceof OAuthError ? 'code-refused' : 'invalid-answer';
}
