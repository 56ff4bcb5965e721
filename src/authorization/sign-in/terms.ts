import { displayText } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { IssuerMemory, Refusals } from '../issuer-memory.ts';
import { invalidTargetError, omitsResource, providerOf } from '../providers.ts';
import { canonicalResource } from '../resource.ts';
import { selectScope, unite } from '../scopes.ts';
import type { ChosenServer } from './choose-server.ts';
import type { SignInTask } from './task.ts';

/** What can be repaired is repaired so often at the most. */
const MAX_ROUNDS = 3;

/**
 * The scope and the resource that a sign-in asks for, whatever its grant, without what the authorization server has
 * refused of them (DESIGN rules 9 and 10).
 */
export class SignInTerms {
  readonly #task: SignInTask;
  readonly #chosen: ChosenServer;
  readonly #memory: IssuerMemory;
  readonly #log: Logger;
  #refusals: Refusals;
  #rounds = 1;

  constructor(task: SignInTask, chosen: ChosenServer, memory: IssuerMemory, log: Logger) {
    this.#task = task;
    this.#chosen = chosen;
    this.#memory = memory;
    this.#log = log;
    this.#refusals = memory.read();
  }

  /** The `scope` parameter; undefined sends none. */
  get scope(): string | undefined {
    const { signIn, challenge } = this.#task;
    const wanted = this.#wantedScope;
    if (signIn.scope !== undefined || wanted !== this.#refusals.scope) return wanted;
    return challenge.scope === wanted ? undefined : challenge.scope;
  }

  /** The `resource` parameter (RFC 8707); null sends none. */
  get resource(): string | null {
    const { signIn, server } = this.#task;
    if (signIn.resource !== undefined) return signIn.resource;
    const resource = this.#chosen.resource?.resource ?? canonicalResource(new URL(server));
    const isLeftOut = this.#refusals.resource || omitsResource(this.#provider, this.scope);
    return isLeftOut ? null : resource;
  }

  /** Parameters of the user's and the provider's, for the request that the sign-in begins with. */
  get extra(): Record<string, string> {
    return { ...this.#provider?.authorizeParams, ...this.#task.signIn.authorizeParams };
  }

  /** Whether what is refused may be repaired once more. */
  get mayChange(): boolean {
    return this.#rounds < MAX_ROUNDS;
  }

  /**
   * Leaves out what an OAuth error refuses, and remembers that; each thing once.
   *
   * @returns whether asking again makes sense
   */
  async leaveOut(code: string, description: string): Promise<boolean> {
    const { signIn } = this.#task;
    const { scope } = this;
    if (!this.mayChange) return false;
    if (invalidTargetError(code, description) && this.resource !== null && signIn.resource === undefined)
      this.#refusals = { ...this.#refusals, resource: true };
    else if (
      code === 'invalid_scope' &&
      scope !== undefined &&
      // Else it is what was left after an earlier refusal.
      scope === this.#wantedScope &&
      signIn.scope === undefined
    )
      this.#refusals = { ...this.#refusals, scope };
    else return false;
    this.#rounds++;
    await this.#memory.remember(this.#refusals);
    this.#log.info('the authorization server refused a part, asking again', { error: displayText(code, 64) });
    return true;
  }

  get #provider() {
    return providerOf(this.#chosen.authorizationServer.issuer);
  }

  /** As if nothing of it had ever been refused. */
  get #wantedScope(): string | undefined {
    const { signIn, challenge, earlierScope } = this.#task;
    const { authorizationServer, resource } = this.#chosen;
    // Without it there is no ID token (OpenID Connect Core section 3.1.2.1), so that whoever wants one wants it.
    const withOpenId = (scope: string | undefined) => (signIn.useIdToken ? unite('openid', scope) : scope);
    return selectScope({
      explicit: signIn.scope === undefined ? undefined : withOpenId(signIn.scope),
      challenge: challenge.scope,
      resource: resource?.scopes,
      earlier: withOpenId(earlierScope),
      authorizationServer: authorizationServer.scopes,
    });
  }
}
