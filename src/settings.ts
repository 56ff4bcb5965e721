import type { LogSettings } from './logger.ts';

/** Everything the user can set for a connection, checked and with defaults filled in. Times are in milliseconds. */
export interface Settings {
  /** The MCP endpoint: https, or http where it is loopback or `--allow-http` was given. */
  url: URL;
  transport: TransportChoice;
  /** Which era of the protocol the remote is spoken to in; `auto` finds it out. */
  era: EraChoice;
  /** With `auto`: HTTP+SSE is tried first. */
  sseFirst?: boolean;
  /** How often the server is pinged; undefined: never. */
  pingInterval?: number | undefined;
  network: NetworkSettings;
  /** The user's own headers, sent on every request to the MCP server's origin and nowhere else. */
  headers: Readonly<Record<string, string>>;
  /** The same as they were given, with their variables; undefined where there are none. */
  headerLines?: readonly string[];
  /** The command that prints a bearer token, split into words. */
  tokenCommand: readonly string[] | undefined;
  /** How the user is signed in where the server asks for it. */
  signIn: SignInSettings;
  /** The connection that this one is for, where its server is an identity provider; the user knows that one only. */
  behalf?: Pick<Settings, 'url' | 'headers' | 'signIn'>;
  store: StoreSettings;
  tools: ToolFilterSettings;
  /** The size in bytes above which a message is refused, in either direction. */
  maxMessageBytes: number;
  log: LogSettings;
}

export const transportChoices = ['auto', 'http', 'sse'] as const;
type TransportChoice = (typeof transportChoices)[number];

export const eraChoices = ['auto', 'legacy', 'modern'] as const;
export type EraChoice = (typeof eraChoices)[number];

export interface NetworkSettings {
  /** How long a connection may take, TLS and proxy included. */
  connectTimeout: number;
  /** How long a request may go without a sign of life; undefined: the defaults of bridge/limits.ts. */
  requestTimeout: RequestTimeout | undefined;
  /** How long an idle connection is kept for the next request. */
  keepAlive: number;
  /** PEM certificates trusted in addition to the default ones. */
  ca: string | undefined;
  ipv4Only: boolean;
  cookies: boolean;
  /** The environment that names the proxies: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
  env: NodeJS.ProcessEnv;
}

/** One limit for everything, or one until an answer begins and one between two pieces of it. */
export type RequestTimeout = number | { answer?: number | undefined; stream?: number | undefined };

/** Globs over tool names: a tool passes where it matches one of `allow` (or `allow` is empty) and none of `ignore`. */
export interface ToolFilterSettings {
  allow: readonly string[];
  ignore: readonly string[];
}

export interface SignInSettings {
  /** Separates the credentials of several accounts on one server. */
  profile: string;
  /** Requested exactly so; undefined: what the challenge or the metadata say. */
  scope: string | undefined;
  /** The resource indicator (RFC 8707); null sends none, undefined takes the metadata's. */
  resource: string | null | undefined;
  /** A client that was registered beforehand. */
  clientId: string | undefined;
  clientSecret: string | undefined;
  /** The key that proves that client, in place of a secret. */
  clientKey: ClientKeySettings | undefined;
  /** How it, or a client that is registered, proves itself; undefined: as the authorization server offers. */
  clientAuthMethod?: ClientAuthMethodChoice | undefined;
  /** Members of the registration that take the place of ours (RFC 7591 section 2). */
  registrationMetadata?: Readonly<Record<string, unknown>> | undefined;
  /** The URL of a client ID metadata document that the user hosts. */
  clientMetadataUrl: string | undefined;
  /** The authorization server to use, whatever the metadata lists. */
  issuer: string | undefined;
  /** Extra parameters of the authorization request, or of the token request where there is no other. */
  authorizeParams: Readonly<Record<string, string>>;
  allowMissingPkce: boolean;
  callback: CallbackSettings;
  /** How long a sign-in may take. */
  timeout: number;
  /** How long `initialize` is held for a running sign-in before it is answered provisionally. */
  initializeWait: number;
  /** Whether a bridge may open a browser window. */
  browser: boolean;
  /** `login` signs in with a code that is entered on another device (RFC 8628); a bridge then only says so. */
  deviceCode: boolean;
  /** By what tokens are got. */
  grant: GrantChoice;
  /** Where tokens are got in place of what metadata says; with `client-credentials` and `workload` only. */
  tokenEndpoint: string | undefined;
  /** Where the workload's JWT comes from; with the grant `workload`, and never without it. */
  workloadToken: WorkloadTokenSource | undefined;
  /** The company's identity provider; with the grant `enterprise`, and never without it. */
  identityProvider: IdentityProviderSettings | undefined;
  /** The ID token is presented to the server in place of the access token; with the grant `user` only. */
  useIdToken: boolean;
  dpop: DpopChoice;
  /** Where the browser is sent after a sign-in that has succeeded, in place of our own page. */
  successUrl?: string | undefined;
}

/**
 * `user`: a sign-in by redirect or device code; `client-credentials`: RFC 6749 section 4.4; `workload`: a JWT of the
 * platform's (RFC 7523 section 2.1); `enterprise`: an ID-JAG of the company's identity provider.
 */
export type GrantChoice = 'user' | 'client-credentials' | 'workload' | 'enterprise';

export const dpopChoices = ['auto', 'on', 'off'] as const;
/** Whether tokens are bound to a key (RFC 9449); `auto`: where the MCP server says that it takes that. */
type DpopChoice = (typeof dpopChoices)[number];

export const clientKeyAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
export type ClientKeyAlgorithm = (typeof clientKeyAlgorithms)[number];

/** For private_key_jwt (RFC 7523 section 2.2). The key itself is read when it is used: it may be renewed. */
export interface ClientKeySettings {
  /** Whole path of a PEM or JWK file. */
  file: string;
  /** Undefined: what suits the key and the authorization server. */
  algorithm: ClientKeyAlgorithm | undefined;
  /** The `kid`; undefined: the JWK's own, else none. */
  id: string | undefined;
  /** The `aud`: `issuer`, `token-endpoint`, or a URI. */
  audience: string;
}

/** Whole path of a file, or a command split into words. */
export type WorkloadTokenSource = { file: string } | { command: readonly string[] };

export interface IdentityProviderSettings {
  /** Undefined only where both `tokenEndpoint` and `idTokenFile` are given. */
  issuer: string | undefined;
  clientId: string;
  clientSecret: string | undefined;
  /** Undefined: the metadata's. */
  tokenEndpoint: string | undefined;
  /** Whole path of a file with an ID token, which is used in place of a sign-in. */
  idTokenFile: string | undefined;
}

export const clientAuthMethodChoices = ['none', 'client_secret_basic', 'client_secret_post'] as const;
type ClientAuthMethodChoice = (typeof clientAuthMethodChoices)[number];

/** The loopback redirect (RFC 8252 section 7.3). */
export interface CallbackSettings {
  host: CallbackHost | undefined;
  /** Undefined: the one of the registration, else any that is free. */
  port: number | undefined;
  path: string;
}

export const callbackHosts = ['127.0.0.1', 'localhost'] as const;
export type CallbackHost = (typeof callbackHosts)[number];

export const storeChoices = ['auto', 'keychain', 'file', 'memory'] as const;

/** Where credentials are kept. */
export interface StoreSettings {
  /** What holds the key to them: the system's keychain, what the user gives or a file, or nobody but this process. */
  choice: (typeof storeChoices)[number];
  /** What the user gives to open them. */
  secret: StoreSecret | undefined;
}

/** A passphrase, or a key of 32 bytes in base64: the text itself, or a file that holds it. */
export interface StoreSecret {
  kind: 'passphrase' | 'key';
  from: 'text' | 'file';
  /** The text, or the file's path. */
  value: string;
}
