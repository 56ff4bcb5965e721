import { type Keychain, KeychainError, SERVICE } from './keychain.ts';
import type { KeychainTask } from './keychain-process.ts';
import { SecretService, UnusableAddress } from './secret-service.ts';

/** How long the keychain may take, in ms [48]. */
const PATIENCE = 3_000;
/** The same where it may ask the user to unlock it. */
const PROMPT_PATIENCE = 60_000;

export interface SystemKeychainOptions {
  /** Whether the keychain may ask the user to unlock it: where a person has run a command and waits for it. */
  mayPrompt?: boolean | undefined;
  platform?: NodeJS.Platform | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  /** Does a task in a process of its own; by default keychain-child.ts. */
  ask?: typeof import('./keychain-child.ts').askKeychain | undefined;
}

/**
 * Keychain of macOS, Credential Manager of Windows, Secret Service of Linux desktops, through the library of
 * keychain-process.ts. On Linux, what is needed at every start is read without it.
 */
export class SystemKeychain implements Keychain {
  readonly #service: SecretService | undefined;
  readonly #mayPrompt: boolean;
  readonly #ask: SystemKeychainOptions['ask'];

  constructor({ mayPrompt, platform, env, ask }: SystemKeychainOptions = {}) {
    const isLinux = (platform ?? process.platform) === 'linux';
    this.#service = isLinux ? new SecretService(env ?? process.env, PATIENCE) : undefined;
    this.#mayPrompt = mayPrompt ?? false;
    this.#ask = ask;
  }

  async read(account: string): Promise<string | undefined> {
    const task = { task: 'read', service: SERVICE, account } as const;
    if (!this.#service) return this.#perform(task, PATIENCE);
    try {
      return await this.#service.read(account);
    } catch (error) {
      if (error instanceof UnusableAddress) return this.#perform(task, PATIENCE);
      if (!this.#mayUnlock(error)) throw error;
      return this.#perform(task, PROMPT_PATIENCE);
    }
  }

  async create(account: string, secret: string): Promise<void> {
    let patience = PATIENCE;
    try {
      // The library would make a prompt appear, and nobody may be there to see it.
      await this.#service?.check();
    } catch (error) {
      if (!(error instanceof UnusableAddress)) {
        if (!this.#mayUnlock(error)) throw error;
        patience = PROMPT_PATIENCE;
      }
    }
    await this.#perform({ task: 'create', service: SERVICE, account, secret }, patience);
  }

  async remove(account: string): Promise<void> {
    await this.#perform({ task: 'remove', service: SERVICE, account }, PATIENCE);
  }

  #mayUnlock(error: unknown): boolean {
    return this.#mayPrompt && error instanceof KeychainError && error.problem === 'locked';
  }

  async #perform(task: KeychainTask, patience: number): Promise<string | undefined> {
    const ask = this.#ask ?? (await import('./keychain-child.ts')).askKeychain;
    return ask(task, patience);
  }
}
