import { startFakeAuthorizationServer } from '../fake-authorization-server.ts';
import { startProtectedRemote } from '../protected-remote.ts';
import type { Service } from './service.ts';

interface Metapad extends Service {
  urlOf(model: string): string;
  /** Makes an API token, `mpt_…`, for this model only. */
  apiToken(model: string): string;
  revokeApiToken(token: string): void;
}

/**
 * Metapad: one URL for each model on one host, found from the 401. A sign-in is good for every model the user owns; an
 * API token for one model, in a header, beside it.
 */
export async function startMetapad(...models: string[]): Promise<Metapad> {
  const server = await startFakeAuthorizationServer();
  const pathOf = (model: string) => `/mcp/${model}`;
  const apiTokens = new Map<string, string>();
  const remote = await startProtectedRemote({
    endpoints: models.map(pathOf),
    authorizationServers: [server.issuer],
    isValid: (token, { path }) =>
      token.startsWith('mpt_') ? apiTokens.get(token) === path : server.isValid(token),
  });
  return {
    server,
    remote,
    urlOf: (model) => remote.origin + pathOf(model),
    apiToken: (model) => {
      const token = `mpt_${server.book.secret('api')}`;
      server.book.secrets.add(token);
      apiTokens.set(token, pathOf(model));
      return token;
    },
    revokeApiToken: (token) => void apiTokens.delete(token),
  };
}
