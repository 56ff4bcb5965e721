import { randomBytes } from 'node:crypto';

export interface Client {
  id: string;
  secret: string | undefined;
  /** `none`, `client_secret_basic` or `client_secret_post`. */
  method: string;
  redirectUris: string[];
}

/** What one consent has given, with everything that was issued for it. */
export interface Grant {
  clientId: string;
  scope: string;
  resource: string | undefined;
  revoked: boolean;
}

interface Code {
  grant: Grant;
  challenge: string;
  redirectUri: string;
  used: boolean;
}

interface AccessToken {
  grant: Grant;
  scope: string;
  /** In milliseconds since the epoch. */
  expires: number;
}

/**
 * What a fake authorization server has issued. Every secret reads `canary-<kind>-…`, so that a test finds it wherever
 * it should not be.
 */
export class GrantBook {
  readonly clients = new Map<string, Client>();
  readonly codes = new Map<string, Code>();
  readonly deviceCodes = new Map<string, { grant: Grant; decision: 'approved' | 'denied' | undefined }>();
  readonly accessTokens = new Map<string, AccessToken>();
  readonly refreshTokens = new Map<string, { grant: Grant; used: boolean }>();
  readonly pushed = new Map<string, Record<string, string>>();
  readonly secrets = new Set<string>();
  readonly #grants: Grant[] = [];
  #count = 0;

  secret(kind: string): string {
    const text = `canary-${kind}-${++this.#count}-${randomBytes(12).toString('hex')}`;
    this.secrets.add(text);
    return text;
  }

  addGrant(grant: Omit<Grant, 'revoked'>): Grant {
    const added = { ...grant, revoked: false };
    this.#grants.push(added);
    return added;
  }

  revokeAll(): void {
    for (const grant of this.#grants) grant.revoked = true;
  }

  isValid(token: string): boolean {
    const found = this.accessTokens.get(token);
    return found !== undefined && !found.grant.revoked && found.expires > Date.now();
  }
}
