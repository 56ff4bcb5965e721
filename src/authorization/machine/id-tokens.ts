import { DrawbridgeError, displayText } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { readGivenFile } from '../given-file.ts';
import { jwtClaims, jwtExpiry } from '../jwt.ts';

const MAX_SIZE = 16 * 1024;

/** Where the ID token of the user comes from. */
export interface IdTokens {
  /**
   * One that has not ended.
   *
   * @throws DrawbridgeError where there is none; `sign-in-needed` where the user can change that
   */
  idToken(): Promise<string>;
  /** The identity provider has taken the last one. */
  accepted(): void;
  /**
   * Another one in place of the last, which was refused.
   *
   * @returns undefined where there is none, and the refusal stands
   */
  renewed(refusal: DrawbridgeError): Promise<string | undefined>;
}

/** An ID token that another program renews in a file, which is read at each use. */
export class IdTokenFile implements IdTokens {
  readonly #path: string;
  readonly #log: Logger;
  #used: string | undefined;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  async idToken(): Promise<string> {
    const token = await this.#read();
    this.#log.protect(token);
    const ends = jwtExpiry(token);
    if (ends !== undefined && ends <= Date.now())
      throw this.#unusable(`holds an ID token that ended at ${new Date(ends).toISOString()}`);
    this.#used = token;
    return token;
  }

  accepted(): void {}

  async renewed(): Promise<string | undefined> {
    const before = this.#used;
    const token = await this.idToken();
    return token === before ? undefined : token;
  }

  async #read(): Promise<string> {
    const text = (await readGivenFile(this.#path, '--id-token-file')).trim();
    if (text.length > MAX_SIZE || !jwtClaims(text)) throw this.#unusable('holds no JWT');
    return text;
  }

  #unusable(why: string): DrawbridgeError {
    return new DrawbridgeError(
      'unauthorized',
      `The file of --id-token-file ${why}; whatever writes ${displayText(this.#path)} has to renew it.`,
    );
  }
}
