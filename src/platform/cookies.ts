import { CookieJar } from 'tough-cookie';

const MAX_COOKIES = 20;
const MAX_BYTES = 4096;

/**
 * Cookies of one origin, in memory only: load balancers keep a session on one machine with them.
 * Bounded, so that a server can't fill the memory or the next request's headers.
 */
export class Cookies {
  readonly #jar = new CookieJar(undefined, { rejectPublicSuffixes: false, allowSpecialUseDomain: true });
  readonly #url: string;

  constructor(url: URL) {
    this.#url = url.href;
  }

  /** @param lines the values of the answer's Set-Cookie headers */
  store(lines: readonly string[]): void {
    for (const line of lines) {
      if (line.length > MAX_BYTES) continue;
      this.#jar.setCookieSync(line, this.#url, { ignoreError: true });
      this.#dropOldest();
    }
  }

  /** Past the bound the oldest go, as in a browser (RFC 6265 section 6.1); the memory store answers at once. */
  #dropOldest(): void {
    this.#jar.store.getAllCookies((_error, cookies = []) => {
      const byAge = [...cookies].sort((a, b) => (a.creationIndex ?? 0) - (b.creationIndex ?? 0));
      for (const { domain, path, key } of byAge.slice(0, Math.max(0, byAge.length - MAX_COOKIES))) {
        this.#jar.store.removeCookie(domain ?? '', path ?? '', key, () => {});
      }
    });
  }

  /** The Cookie header for a path of the origin; undefined where none applies. */
  header(path: string): string | undefined {
    return this.#jar.getCookieStringSync(new URL(path, this.#url).href) || undefined;
  }
}
