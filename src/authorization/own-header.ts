import { DrawbridgeError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type Challenge, FixedCredentials } from './authorizer.ts';
import { jwtExpiry } from './jwt.ts';

/** The user's own Authorization header: a 401 is told with what is known of its end, and never repaired. */
export class OwnHeader extends FixedCredentials {
  readonly #host: string;
  readonly #value: string;
  #wasAccepted = false;

  constructor({ url, headers }: Pick<Settings, 'url' | 'headers'>) {
    super();
    this.#host = url.host;
    const own = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization');
    this.#value = own?.[1] ?? '';
  }

  override accepted(): void {
    this.#wasAccepted = true;
  }

  override async challenged({ status, error }: Challenge): Promise<DrawbridgeError> {
    if (status !== 401) return error;
    const text = `${this.#whatIsWrong()}; give another one with --header.`;
    return new DrawbridgeError('unauthorized', text, error.details);
  }

  #whatIsWrong(): string {
    const expiresAt = jwtExpiry(this.#value.replace(/^\S+\s+/, ''));
    const what = `The credential for ${this.#host} in the Authorization header`;
    if (expiresAt !== undefined && expiresAt <= Date.now())
      return `${what} expired on ${new Date(expiresAt).toISOString().slice(0, 10)}`;
    return this.#wasAccepted
      ? `${what} was revoked: it was accepted before, and is refused now`
      : `${this.#host} refuses the Authorization header: it was revoked, or was never good for this server`;
  }
}
