import { DrawbridgeError, type Reason } from '../../../src/errors.ts';
import {
  NoAnswer,
  type OAuthAnswer,
  type OAuthHttp,
  type OAuthRequest,
} from '../../../src/platform/oauth-http.ts';

export interface SentRequest extends OAuthRequest {
  url: string;
  /** The body, where it is a form. */
  form: Record<string, string>;
  /** The body, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into arbitrary bodies
  json: any;
}

type Given = { status?: number; json?: Record<string, unknown>; headers?: OAuthAnswer['headers'] };
type Answer = Given | Error | ((request: SentRequest) => Given | Error | Promise<Given | Error>);

/** Plays the network for OAuth: what has no answer is 404. Of several answers for a place, the last one stays. */
export class ScriptedOAuthHttp {
  readonly requests: SentRequest[] = [];
  readonly #answers = new Map<string, Answer[]>();

  on(url: string, ...answers: Answer[]): this {
    this.#answers.set(url, answers);
    return this;
  }

  /** Where requests went, in their order. */
  get places(): string[] {
    return this.requests.map(({ url }) => url);
  }

  of(url: string): SentRequest[] {
    return this.requests.filter((request) => request.url === url);
  }

  get http(): OAuthHttp {
    return this as unknown as OAuthHttp;
  }

  async request(url: URL, request: OAuthRequest): Promise<OAuthAnswer> {
    const isForm = request.headers?.['Content-Type']?.includes('form');
    const sent: SentRequest = {
      ...request,
      url: url.href,
      form: isForm ? Object.fromEntries(new URLSearchParams(request.body)) : {},
      json: request.headers?.['Content-Type']?.includes('json') ? JSON.parse(request.body ?? '') : undefined,
    };
    this.requests.push(sent);
    const answers = this.#answers.get(url.href) ?? this.#answers.get(url.origin + url.pathname) ?? [];
    const next = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 404 };
    const given = typeof next === 'function' ? await next(sent) : next;
    if (given instanceof Error) throw given;
    return { status: given.status ?? 200, headers: given.headers ?? {}, json: given.json };
  }
}

export function noAnswer(sent: boolean, reason: Reason = 'unreachable'): NoAnswer {
  return new NoAnswer(new DrawbridgeError(reason, 'No answer came.'), sent);
}
