import { displayText } from '../errors.ts';

/** One challenge of a WWW-Authenticate field (RFC 9110 section 11.6.1). */
export interface AuthChallenge {
  /** In lower case. */
  scheme: string;
  /** Names in lower case, values without their quotes; of a name that comes twice, the first. */
  params: ReadonlyMap<string, string>;
  /** What some schemes have in place of parameters. */
  token68: string | undefined;
}

/** What the Bearer and DPoP challenges of an answer say together. */
export interface BearerChallenge {
  /** The URL of the protected resource metadata, not yet checked (RFC 9728 section 5.1). */
  resourceMetadata: string | undefined;
  /** Scope tokens, one blank between them (RFC 6750 section 3). */
  scope: string | undefined;
  /** RFC 6750 section 3.1: `invalid_token`, `insufficient_scope` … */
  error: string | undefined;
  /** Fit to be shown. */
  errorDescription: string | undefined;
  /** Whether one of them is for bound tokens, with proofs that we can make (RFC 9449 section 7.1). */
  dpop: true | undefined;
}

const MAX_LENGTH = 8192;
const MAX_ERROR = 64;

// Each pattern repeats one class of characters, so that none of them can run back and forth [17].
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const token68 = /[0-9A-Za-z\-._~+/]+=*/y;
const blanks = /[ \t]*/y;
const separators = /[ \t,]*/y;
/** Servers in the wild leave out the quotes of URLs and scopes, so more than a token is taken. */
const unquoted = /[^\s,"]+/y;
const untilComma = /[^,]*/y;

/**
 * Reads WWW-Authenticate (RFC 9110 section 11.6.1, RFC 7235 appendix C): several challenges in a field, several fields
 * joined by ", ", schemes in any case. What is malformed is left out and the rest is read; beyond 8 KiB nothing is.
 * Takes linear time and never throws.
 */
export function parseChallenges(header: string | undefined): AuthChallenge[] {
  return header === undefined ? [] : new ChallengeParser(header).parse();
}

/** What the Bearer and DPoP challenges say, merged: of what several say, the first counts. */
export function bearerChallenge(header: string | undefined): BearerChallenge {
  const challenges = parseChallenges(header).filter(({ scheme }) => scheme === 'bearer' || scheme === 'dpop');
  const first = (name: string): string | undefined =>
    challenges.map(({ params }) => params.get(name)?.trim()).find((value) => value);
  const error = first('error');
  const scope = first('scope');
  const description = displayText(first('error_description') ?? '');
  return {
    resourceMetadata: first('resource_metadata'),
    scope: scope === undefined ? undefined : normalizeScope(scope),
    error: error !== undefined && isErrorCode(error) ? error : undefined,
    errorDescription: description === '' ? undefined : description,
    dpop: challenges.some(takesOurProofs) || undefined,
  };
}

/** RFC 9449 section 7.1: `algs` lists how proofs may be signed. */
function takesOurProofs({ scheme, params }: AuthChallenge): boolean {
  const algorithms = params.get('algs')?.split(/\s+/);
  return scheme === 'dpop' && (!algorithms || algorithms.includes('ES256'));
}

/** The `error` of a DPoP challenge (RFC 9449 section 7.1). */
export function proofError(header: string | undefined): string | undefined {
  return parseChallenges(header)
    .filter(({ scheme }) => scheme === 'dpop')
    .map(({ params }) => params.get('error'))
    .find(Boolean);
}

/** Scope tokens with one blank between them; undefined where a character is not allowed (RFC 6749 section 3.3). */
function normalizeScope(text: string): string | undefined {
  const scopes = text.split(/[ \t]+/);
  return scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)) ? scopes.join(' ') : undefined;
}

/** RFC 6749 section 5.2; the length is ours [15]. */
function isErrorCode(text: string): boolean {
  return text.length <= MAX_ERROR && /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(text);
}

class ChallengeParser {
  readonly #text: string;
  #at = 0;

  constructor(header: string) {
    // Cut at a comma, so that no value is taken for whole that is not.
    const end = header.length > MAX_LENGTH ? header.lastIndexOf(',', MAX_LENGTH) : header.length;
    this.#text = header.slice(0, Math.max(0, end));
  }

  parse(): AuthChallenge[] {
    const challenges: AuthChallenge[] = [];
    let params = new Map<string, string>();
    for (;;) {
      this.#take(separators);
      if (this.#at >= this.#text.length) return challenges;
      const word = this.#take(token);
      if (word === '') {
        this.#take(untilComma);
        continue;
      }
      this.#take(blanks);
      if (this.#text[this.#at] === '=') {
        this.#at++;
        const value = this.#value();
        // A parameter before any scheme belongs to nothing.
        const name = word.toLowerCase();
        if (value !== undefined && challenges.length > 0 && !params.has(name)) params.set(name, value);
      } else {
        params = new Map();
        challenges.push({ scheme: word.toLowerCase(), params, token68: this.#token68() });
      }
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  /** Only where it stands alone up to a comma: else it is the first parameter's name, or another scheme. */
  #token68(): string | undefined {
    const start = this.#at;
    const found = this.#take(token68);
    this.#take(blanks);
    if (found !== '' && (this.#at >= this.#text.length || this.#text[this.#at] === ',')) return found;
    this.#at = start;
    return undefined;
  }

  /** The value after "=", undefined where it is none or holds a control character. */
  #value(): string | undefined {
    this.#take(blanks);
    if (this.#text[this.#at] !== '"') {
      const value = this.#take(unquoted);
      return isSound(value) && value !== '' ? value : undefined;
    }
    return this.#quoted();
  }

  #quoted(): string | undefined {
    const pieces: string[] = [];
    let start = ++this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '"') {
        pieces.push(this.#text.slice(start, this.#at++));
        const value = pieces.join('');
        return isSound(value) ? value : undefined;
      }
      if (character === '\\') {
        pieces.push(this.#text.slice(start, this.#at));
        start = ++this.#at;
      }
    }
    return undefined;
  }
}

function isSound(value: string): boolean {
  return !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value);
}
