import type { DrawbridgeError } from '../errors.ts';

/**
 * A credential for each request, an answer to each challenge. Nothing else in the program sees a 401 or 403.
 */
export interface Authorizer {
  /** The value of the Authorization header; undefined sends none. A plain value where it is at hand: no turn is lost. */
  credential(): string | undefined | Promise<string | undefined>;
  /**
   * The server refused a request.
   *
   * @param error what the client is told if nothing helps
   * @param used the credential that the request carried
   * @returns true where it is worth sending the request again
   */
  challenged(error: DrawbridgeError, used: string | undefined): Promise<boolean>;
  /** The bridge ends: whatever is still under way for a credential ends too. */
  close(): void;
}

/** For servers that need no sign-in, or whose credential is one of the user's own headers: a 401 is reported. */
export const noAuthorizer: Authorizer = {
  credential: () => undefined,
  challenged: async () => false,
  close: () => {},
};
