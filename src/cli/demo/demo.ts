import { DrawbridgeError, displayText } from '../../errors.ts';
import { watchForEnd } from '../../platform/lifetime.ts';
import { whyAutomatic } from './approval.ts';
import { DemoAuthorizationServer } from './demo-authorization-server.ts';
import { DemoClient } from './demo-client.ts';
import { serveDemo } from './demo-server.ts';
import { DemoState } from './demo-state.ts';
import { followLink } from './follow-link.ts';
import { type LogEntry, LoopbackListener } from './loopback-listener.ts';

/** How long everything may take where nobody has to press a button, in milliseconds. */
const AUTOMATIC_LIMIT = 25_000;
/** How long a person may take, in milliseconds. */
const SIGN_IN_LIMIT = 300_000;
/** A browser that has not come by until then was not opened, in milliseconds. */
const BROWSER_PATIENCE = 30_000;

export interface DemoOptions {
  /** Follow the link without asking anybody. */
  autoApprove: boolean;
}

/**
 * Shows the whole job without any account: a protected MCP server with its own authorization server on loopback, a real
 * bridge process in front of it, and the official SDK's client in front of that.
 *
 * @returns the exit code
 * @throws DrawbridgeError where a step has failed
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const log: LogEntry[] = [];
  const [site, authority] = await Promise.all([LoopbackListener.start(log), LoopbackListener.start(log)]);
  const authorizationServer = new DemoAuthorizationServer(authority, `${site.origin}/mcp`);
  serveDemo(site, authorizationServer);
  const demo = new Demo(`${site.origin}/mcp`, authorizationServer, log);
  const ended = new Promise<number>((resolve) => watchForEnd(resolve));
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  try {
    const reason = whyAutomatic(options.autoApprove, process.env, isTerminal);
    return await Promise.race([demo.run(reason), ended]);
  } catch (error) {
    const text = (error as Error).message.replace(/^MCP error -?\d+: /, '');
    throw new DrawbridgeError('internal', `The demo failed while ${demo.step}: ${displayText(text, 400)}`);
  } finally {
    await demo.close();
    site.close();
    authority.close();
  }
}

interface SignedIn {
  state: DemoState;
  client: DemoClient;
}

class Demo {
  /** What is being done, for the text of a failure. */
  step = 'starting';
  readonly #url: string;
  readonly #authorizationServer: DemoAuthorizationServer;
  readonly #log: LogEntry[];
  readonly #states: DemoState[] = [];
  readonly #clients: DemoClient[] = [];
  /** The link of a sign-in under way. */
  #openLink: string | undefined;
  #isSignedIn = false;
  #isClosed = false;

  constructor(url: string, authorizationServer: DemoAuthorizationServer, log: LogEntry[]) {
    this.#url = url;
    this.#authorizationServer = authorizationServer;
    this.#log = log;
  }

  /** @param whyAutomatic why no browser is opened; undefined opens one */
  async run(whyAutomatic: string | undefined): Promise<number> {
    say(1, 'A protected MCP server listens here:', this.#url);
    say(' ', 'Its authorization server:', this.#authorizationServer.issuer);
    if (whyAutomatic !== undefined) {
      const signedIn = this.#signIn(whyAutomatic, AUTOMATIC_LIMIT);
      return withinLimit(
        signedIn.then((given) => this.#goOn(given)),
        AUTOMATIC_LIMIT,
      );
    }
    const signedIn = await withinLimit(this.#signIn(undefined, SIGN_IN_LIMIT), SIGN_IN_LIMIT);
    return withinLimit(this.#goOn(signedIn), AUTOMATIC_LIMIT);
  }

  async #signIn(whyAutomatic: string | undefined, limit: number): Promise<SignedIn> {
    this.step = 'signing in';
    let fail: (error: Error) => void = () => {};
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    void this.#authorizationServer.denied.then(() => fail(new Error('the answer was Deny')));
    const onLink = (link: string): boolean => {
      this.#openLink = link;
      if (whyAutomatic !== undefined) {
        say(3, 'The server asks for a sign-in:', 'the bridge hands the link to the client');
        this.#follow(link, whyAutomatic).catch(fail);
        return true;
      }
      say(3, 'The server asks for a sign-in:', 'your browser shows a page; press Approve there');
      say(' ', 'Should it not, open this:', link);
      this.#waitForBrowser(link).catch(fail);
      return false;
    };
    const state = new DemoState();
    this.#states.push(state);
    const client = this.#addClient(
      new DemoClient({ url: this.#url, env: state.environment(limit / 1000), onLink }),
    );
    say(2, 'A client starts the bridge:', `mcp-drawbridge ${this.#url}`);
    const connected = client.connect().then(() => client.toolsWith('greet'));
    connected.catch(() => {}); // where the other is quicker
    await Promise.race([connected, failed]);
    this.#openLink = undefined;
    this.#isSignedIn = true;
    return { state, client };
  }

  /** Leaves it to the user; where no browser comes by, it does not. */
  async #waitForBrowser(link: string): Promise<void> {
    for (const begin = Date.now(); Date.now() - begin < BROWSER_PATIENCE; await pause(200))
      if (this.#authorizationServer.authorizations.length > 0 || this.#isClosed) return;
    await this.#follow(link, `As no browser came by in ${BROWSER_PATIENCE / 1000} s`);
  }

  async #follow(link: string, reason: string): Promise<void> {
    say(' ', `${reason},`, 'the demo follows the link itself, and approves');
    this.step = 'following the link of the sign-in';
    await followLink(link);
  }

  async #goOn({ state, client }: SignedIn): Promise<number> {
    const [registration] = [...this.#authorizationServer.registrations.values()].slice(-1);
    const asked = this.#authorizationServer.authorizations.at(-1);
    say(4, 'The bridge has registered itself:', `${registration?.name}, ${asked?.redirectUri}`);
    say(' ', 'filled in the scope:', asked?.scope || '(none)');
    say(' ', 'filled in the resource:', asked?.resource ?? '(none)');
    this.step = 'looking at what was kept';
    const { files, readable } = state.inspect(this.#authorizationServer.tokens);
    if (readable) throw new Error('a token can be read in a file');
    say(5, 'The credentials are kept in:', `${state.folder} (${files} files; no token can be read in them)`);

    this.step = 'calling a tool';
    const tools = await client.toolsWith('greet');
    say(6, "The server's tools:", tools.join(', '));
    say(7, 'The answer to greet {"name":"world"}:', await client.greet('world'));
    await client.close();
    await this.#startWarm(state);
    process.stdout.write(
      '\nYour own server, in the configuration of a client:\n' +
        '   { "command": "npx", "args": ["-y", "mcp-drawbridge", "https://your.server/mcp"] }\n',
    );
    return 0;
  }

  /** The second start of every day, and the first call after an hour. */
  async #startWarm(state: DemoState): Promise<void> {
    this.step = 'starting again';
    const windows = this.#authorizationServer.authorizations.length;
    const begin = this.#log.length;
    const client = this.#addClient(new DemoClient({ url: this.#url, env: state.environment(0) }));
    await client.connect();
    const until = this.#log.findIndex(({ about }, at) => at >= begin && about === 'initialize');
    const requests = until + 1 - begin;
    say(
      8,
      'Started again, signed in already:',
      `${requests} HTTP request${requests === 1 ? '' : 's'} until it was ready`,
    );

    this.step = 'refreshing the access token';
    this.#authorizationServer.expireAccessTokens();
    const answer = await client.greet('again');
    const refreshes = this.#log.slice(begin).filter(({ about }) => about === 'refresh_token').length;
    const opened = this.#authorizationServer.authorizations.length - windows;
    say(9, 'The access token has expired:', `refreshes: ${refreshes}, windows: ${opened}; ${answer}`);
    await client.close();
  }

  #addClient(client: DemoClient): DemoClient {
    this.#clients.push(client);
    return client;
  }

  /** Ends the bridges, and a sign-in that still waits for the user: it is told that the user has declined. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const denial =
      this.#openLink === undefined ? undefined : this.#authorizationServer.denialOf(this.#openLink);
    await Promise.allSettled([
      denial === undefined ? undefined : followLink(denial),
      ...this.#clients.map((client) => client.close()),
    ]);
    // The process that signs in notes how it ended, in the folder that has just gone: it is looked for once more.
    for (let round = 0, quiet = this.#isSignedIn ? 1 : 6; quiet > 0 && round < 20; round++) {
      if (round > 0) await pause(200);
      if (this.#states.map((state) => state.remove()).every(Boolean)) quiet--;
    }
  }
}

function say(step: number | string, what: string, result: string): void {
  process.stdout.write(`${step}${step === ' ' ? ' ' : '.'} ${what.padEnd(38)} ${result}\n`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function withinLimit<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${ms / 1000} seconds`)), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
