import { findOwnConnections, signInId } from '../../credentials/apart.ts';
import { type ConnectionRecord, findConnections } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import { asDrawbridgeError, DrawbridgeError, displayText } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { OAuthHttp } from '../../platform/oauth-http.ts';
import { type Binding, chooseBinding } from '../binding.ts';
import { type CallbackReply, CallbackServer } from '../browser/callback-server.ts';
import { openBrowser } from '../browser/open-browser.ts';
import {
  type AuthorizationRequest,
  type AuthorizationResponse,
  buildAuthorizationRequest,
  exchangeCode,
  processAuthorizationResponse,
} from '../grants/authorization-code.ts';
import { IssuerMemory } from '../issuer-memory.ts';
import { saveSignIn } from '../stored-credentials.ts';
import { OAuthError } from '../token-endpoint.ts';
import { SignInAttempts } from './attempts.ts';
import { type ChosenClient, chooseClient } from './choose-client.ts';
import { type ChosenServer, chooseServer } from './choose-server.ts';
import { pageReason } from './page-reason.ts';
import { isForgotten } from './preflight.ts';
import type { SignInTask } from './task.ts';
import { SignInTerms } from './terms.ts';

const STORE_CHECK = 1_000;

export interface SignInOptions {
  task: SignInTask;
  store: CredentialStore;
  env: NodeJS.ProcessEnv;
  log: Logger;
  /** Ends it: the user has declined, a signal came. Its reason, a DrawbridgeError, is what is thrown. */
  signal: AbortSignal;
  /** Everything is ready for the user. `opening`: a window is being opened as well. */
  onLink: (url: string, opening: boolean) => void;
  /** No window could be opened, or none may be: the user has the link only. */
  onNoWindow: (url: string, why: string) => void;
  /** Called before `onLink`. */
  onReady?: (controls: SignInControls) => void;
}

/** What can be done to a sign-in that waits for the user. */
export interface SignInControls {
  /** Takes the redirect as the user has pasted it; gives what a browser would have been shown. */
  paste(url: string): Promise<CallbackReply>;
  /** Opens a window, though at first none was to be opened. */
  openWindow(): Promise<void>;
  /** The port of the loopback that is listened on. */
  readonly port: number;
}

/**
 * Signs the user in through the browser with the authorization code grant: bind, build, open, check, exchange, store
 * (RFC 6749 section 4.1, RFC 8252, RFC 7636). The caller holds the gate.
 *
 * @returns the record as it was stored
 * @throws DrawbridgeError with what went wrong and what to do
 */
export async function runSignIn(options: SignInOptions): Promise<ConnectionRecord> {
  const flow = new SignInFlow(options);
  try {
    return await flow.run();
  } finally {
    await flow.close();
  }
}

class SignInFlow {
  readonly #options: SignInOptions;
  readonly #http: OAuthHttp;
  readonly #server: URL;
  readonly #attempts: SignInAttempts;
  readonly #startedAt = Date.now();
  #chosen!: ChosenServer;
  #terms!: SignInTerms;
  #client!: ChosenClient;
  #binding: Binding | undefined;
  #request!: AuthorizationRequest;
  /** The answer to the present request has come; a second one is none. */
  #isAnswered = false;
  #isPresented = false;
  readonly #finished: Promise<ConnectionRecord>;
  #finish!: (record: ConnectionRecord) => void;
  #fail!: (error: DrawbridgeError) => void;

  constructor(options: SignInOptions) {
    const { task, store, env } = options;
    this.#options = options;
    this.#server = new URL(task.server);
    this.#http = new OAuthHttp(this.#server, { ...task.network, env });
    this.#attempts = new SignInAttempts(store, signInId(task.server, task.signIn));
    this.#finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.#finished.catch(() => {});
  }

  async run(): Promise<ConnectionRecord> {
    const { task, signal } = this.#options;
    signal.throwIfAborted();
    const onAbort = (): void => this.#fail(asDrawbridgeError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    // Proves that the store can be written before the user is asked for anything [66].
    await this.#attempts.begin(false);
    let timer: NodeJS.Timeout | undefined;
    const watch = setInterval(() => this.#lookForOthers(), STORE_CHECK);
    try {
      await Promise.race([this.#prepare(), this.#finished]);
      const giveUp = (): void => {
        // Once the user has come back the rest is ours, and has limits of its own.
        if (this.#isAnswered) timer = setTimeout(giveUp, STORE_CHECK);
        else this.#fail(this.#timedOut());
      };
      timer = setTimeout(giveUp, task.signIn.timeout);
      this.#isPresented = true;
      await this.#present();
      const record = await this.#finished;
      await this.#attempts.end('done');
      return record;
    } catch (error) {
      const failure = asDrawbridgeError(error);
      // Where nobody has said no, it is no news for those who wait or come next.
      const isAbandoned = signal.aborted && failure.reason !== 'sign-in-refused';
      await (isAbandoned
        ? this.#attempts.end('failed')
        : this.#attempts.end(this.#endingOf(failure), failure)
      ).catch(() => {});
      throw failure;
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #endingOf({ reason }: DrawbridgeError): Parameters<SignInAttempts['end']>[0] {
    if (!this.#isPresented) return 'unready';
    if (reason === 'sign-in-timeout') return 'ignored';
    return reason === 'sign-in-refused' ? 'refused' : 'failed';
  }

  async close(): Promise<void> {
    await (this.#client as ChosenClient | undefined)?.callback.close();
  }

  async #prepare(): Promise<void> {
    const { task, store } = this.#options;
    const known = findConnections(store, task.server, task.signIn.profile);
    this.#chosen = await chooseServer(task, this.#http, known);
    const { issuer } = this.#chosen.authorizationServer;
    const memory = new IssuerMemory(store, issuer, task.server);
    this.#terms = new SignInTerms(task, this.#chosen, memory, this.#options.log);
    const { signIn, challenge } = task;
    this.#binding = chooseBinding({ signIn, challenge, known, ...this.#chosen });
    await this.#chooseClient(false);
    await this.#build();
    if (
      this.#client.isCached &&
      (await isForgotten(this.#http, this.#request)) &&
      (await this.#renewClient())
    )
      await this.#build();
  }

  async #chooseClient(renews: boolean): Promise<void> {
    const { task, store } = this.#options;
    const before = renews ? this.#client.callback : undefined;
    this.#client = await chooseClient(
      {
        task,
        store,
        http: this.#http,
        server: this.#chosen.authorizationServer,
        scope: this.#terms.scope,
        isBound: this.#binding !== undefined,
        listen: (host, port, path = task.signIn.callback.path) =>
          CallbackServer.listen({
            host,
            port,
            path,
            onCallback: (parameters) => this.#receive(parameters),
          }),
      },
      renews,
      before,
    );
  }

  /** Builds the request; where it is pushed, what is refused of it is mended at once. */
  async #build(): Promise<void> {
    const { authorizationServer } = this.#chosen;
    for (;;) {
      const { client, callback } = this.#client;
      const request = {
        server: authorizationServer,
        client,
        redirectUri: callback.redirectUri,
        scope: this.#terms.scope,
        resource: this.#terms.resource,
        binding: this.#binding,
      };
      try {
        this.#request = await buildAuthorizationRequest(this.#http, request, this.#terms.extra);
        break;
      } catch (error) {
        if (!(error instanceof OAuthError) || error.isPassing) throw error;
        // As with the preflight, whatever is refused of a registration that is kept may be due to its age.
        const isMended = (await this.#mend(error.code, error.description)) || (await this.#renewClient());
        if (!isMended) throw error;
      }
    }
    this.#isAnswered = false;
  }

  async #present(): Promise<void> {
    const { task, onLink, onReady } = this.#options;
    const { url } = this.#request;
    onReady?.({
      paste: (pasted) => this.#paste(pasted),
      openWindow: () => this.#openWindow(),
      port: this.#client.callback.port,
    });
    onLink(url, task.opensWindow && this.#mayOpenWindow);
    if (task.opensWindow) await this.#openWindow();
  }

  get #mayOpenWindow(): boolean {
    return this.#options.task.isRequested || this.#attempts.mayOpenWindow;
  }

  async #openWindow(): Promise<void> {
    const { task, env, onNoWindow } = this.#options;
    const { url } = this.#request;
    if (!this.#mayOpenWindow)
      return onNoWindow(url, 'windows were opened for this connection lately, and nobody used them');
    await this.#attempts.begin(true);
    const secrets = [task.signIn.clientSecret ?? '', ...(task.secrets ?? [])].filter(Boolean);
    const { opened, why = 'unknown problem' } = await openBrowser(url, env, secrets);
    if (!opened) onNoWindow(url, why);
  }

  /** A callback of the loopback, or pasted. @returns what the browser is shown */
  async #receive(parameters: URLSearchParams): Promise<CallbackReply> {
    const response = this.#isAnswered ? undefined : processAuthorizationResponse(parameters, this.#request);
    if (!response) return { kind: 'ignored' };
    this.#isAnswered = true;
    try {
      return await this.#conclude(response);
    } catch (error) {
      const failure = asDrawbridgeError(error);
      this.#fail(failure);
      if (failure.reason === 'sign-in-refused')
        return { kind: 'page', page: 'refused-by-user', facts: this.#facts() };
      return {
        kind: 'page',
        page: 'failed',
        facts: { ...this.#facts(), reason: pageReason(failure, response) },
      };
    }
  }

  async #conclude(response: AuthorizationResponse): Promise<CallbackReply> {
    if ('error' in response)
      return this.#repair(response.error, response.description, this.#refusalOf(response));
    const { task, store } = this.#options;
    try {
      const tokens = await exchangeCode(this.#http, this.#request, response.code);
      this.#finish(await saveSignIn(store, task, this.#request, tokens));
      const { successUrl } = task.signIn;
      // Nothing is added to it: the page is the user's, and none of the sign-in's business.
      if (successUrl !== undefined) return { kind: 'redirect', url: successUrl };
      return { kind: 'page', page: 'signed-in', facts: this.#facts() };
    } catch (error) {
      if (error instanceof OAuthError) return this.#repair(error.code, error.description, error);
      throw error;
    }
  }

  /** Another round in the same tab, where what was refused can be mended. */
  async #repair(code: string, description: string, refusal: DrawbridgeError): Promise<CallbackReply> {
    if (!(await this.#mend(code, description))) throw refusal;
    await this.#build();
    return { kind: 'redirect', url: this.#request.url };
  }

  /** Leaves out or makes anew what was refused; once for each. @returns whether asking again makes sense */
  async #mend(code: string, description: string): Promise<boolean> {
    if (!this.#terms.mayChange) return false;
    if (await this.#terms.leaveOut(code, description)) return true;
    return /^(invalid|unauthorized)_client$/.test(code) && this.#renewClient();
  }

  /** @returns whether there is another client than the one that was kept */
  async #renewClient(): Promise<boolean> {
    if (!this.#client.isCached) return false;
    this.#options.log.info('client registration is no longer known, registering anew');
    await this.#chooseClient(true);
    return true;
  }

  #refusalOf({ error, description }: { error: string; description: string }): DrawbridgeError {
    const { host } = new URL(this.#request.server.issuer);
    if (error === 'access_denied')
      return new DrawbridgeError('sign-in-refused', `The sign-in at ${host} was declined.`);
    const said = `${displayText(error, 64)}${description && ` (${displayText(description)})`}`;
    return new DrawbridgeError('authorization-server', `${host} did not grant the sign-in: ${said}.`);
  }

  async #paste(pasted: string): Promise<CallbackReply> {
    const text = pasted.trim().replace(/^([^\s#=&?]+)#([^\s#=&?]+)$/, 'code=$1&state=$2');
    const query = URL.canParse(text)
      ? new URL(text).searchParams
      : new URLSearchParams(text.replace(/^\?/, ''));
    return this.#receive(query);
  }

  #facts(): { server: string; issuer: string } {
    return { server: this.#server.host, issuer: new URL(this.#request.server.issuer).host };
  }

  /** Somebody may sign in in a terminal meanwhile. */
  #lookForOthers(): void {
    const { store, task } = this.#options;
    try {
      const [latest] = findOwnConnections(store, task.server, task.signIn);
      if (latest && latest.record.signedInAt > this.#startedAt && !this.#isAnswered)
        this.#finish(latest.record);
    } catch {
      // Its own end will tell of a store that can't be used.
    }
  }

  #timedOut(): DrawbridgeError {
    const { task } = this.#options;
    return new DrawbridgeError(
      'sign-in-timeout',
      `Nobody finished the sign-in to ${this.#server.host} within ${task.signIn.timeout / 1000} s.`,
    );
  }
}
