import type { IncomingHttpHeaders } from 'node:http';
import type { CookieJar } from 'tough-cookie';

export interface Page {
  url: string;
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Navigation {
  method?: string;
  /** Over those that a browser sends for an address that was typed or clicked. */
  headers?: Record<string, string>;
  body?: string;
  /** Milliseconds, 20,000 by default. */
  timeout?: number;
}

/** One request as a browser makes it for a page; no redirect is followed, and any certificate will do. */
export function navigate(url: string, navigation?: Navigation): Promise<Page>;

export interface FollowOptions {
  /** Press "Cancel" where a form asks. */
  deny?: boolean;
  /** The name to sign in with, `alice` by default. */
  login?: string;
  /** The cookies of an earlier visit. */
  jar?: CookieJar;
  /** Stop when the next request would be the one to the redirect URI. */
  stopBeforeCallback?: boolean;
  onPage?: (page: Page) => void;
}

export interface Followed {
  pages: Page[];
  /** The redirect URI with its parameters; undefined where the way did not lead there. */
  callback: string | undefined;
  /** The last page, such as that of the callback. */
  result?: Page;
}

/** Plays the browser from an authorization URL on: redirects, cookies, and the forms of oidc-provider. */
export function followSignIn(url: string, options?: FollowOptions): Promise<Followed>;
