import { isObject } from '../jsonrpc.ts';
import { callbackHosts, clientAuthMethodChoices, type SignInSettings } from '../settings.ts';
import { readGrantSettings } from './grant-settings.ts';
import type { OptionReader } from './option-reader.ts';
import { readExpanded, readHttpsUrl, unsafe } from './sign-in-values.ts';

/** Parameters that the flow derives itself; a second hand on them would undo what they protect (RFC 6749, 7636, 8707). */
const reservedParameters =
  /^(response_type|response_mode|client_id|client_secret|redirect_uri|scope|state|code|code_challenge|code_challenge_method|code_verifier|resource|nonce|request|request_uri|iss|grant_type|client_assertion|client_assertion_type|assertion|dpop_jkt)$/;

/**
 * How the user is to be signed in, from the options.
 *
 * @param env where `${VAR}` in `--client-id` and `--client-secret` is looked up
 * @throws DrawbridgeError `usage`
 */
export function readSignInSettings(read: OptionReader, env: NodeJS.ProcessEnv): SignInSettings {
  const resource = read.text('resource');
  if (resource !== undefined && read.flag('no-resource')) read.fail('resource', 'contradicts --no-resource');
  if (resource !== undefined && (!URL.canParse(resource) || unsafe.test(resource)))
    read.fail('resource', 'must be an absolute URI without a fragment');
  const clientId = readExpanded(read, 'client-id', env);
  const clientSecret = readExpanded(read, 'client-secret', env);
  if (clientSecret !== undefined && clientId === undefined)
    read.fail('client-secret', 'needs --client-id as well');
  return {
    profile: readProfile(read),
    scope: readScope(read),
    resource: read.flag('no-resource') ? null : resource,
    clientId,
    clientSecret,
    ...(read.text('client-auth-method') !== undefined && {
      clientAuthMethod: read.choice('client-auth-method', clientAuthMethodChoices, 'none'),
    }),
    registrationMetadata: readRegistrationMetadata(read),
    clientMetadataUrl: readHttpsUrl(read, 'client-metadata-url', true),
    issuer: readHttpsUrl(read, 'issuer', false),
    authorizeParams: readAuthorizeParams(read),
    allowMissingPkce: read.flag('allow-missing-pkce'),
    callback: {
      host:
        read.text('callback-host') === undefined
          ? undefined
          : read.choice('callback-host', callbackHosts, '127.0.0.1'),
      port: readPort(read),
      path: readPath(read),
    },
    timeout: read.seconds('sign-in-timeout', 1, 3_600) ?? 300_000,
    initializeWait: read.seconds('initialize-wait', 0, 3_600) ?? 3_000,
    browser: !read.flag('no-browser'),
    deviceCode: read.flag('device-code'),
    ...readGrantSettings(read, env, clientId, clientSecret),
    successUrl: readSuccessUrl(read),
  };
}

function readProfile(read: OptionReader): string {
  const profile = read.text('profile') ?? 'default';
  return /^[\p{L}\p{N}._@+-]{1,64}$/u.test(profile)
    ? profile
    : read.fail('profile', 'must be 1 to 64 letters, digits or . _ @ + -');
}

function readScope(read: OptionReader): string | undefined {
  const scope = read.text('scope')?.trim().replace(/ +/g, ' ');
  if (scope === undefined) return undefined;
  // RFC 6749 section 3.3
  return /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope)
    ? scope
    : read.fail('scope', 'must be scopes with blanks between them');
}

/** It is opened by the browser, which has no word of the sign-in in its hands then. */
function readSuccessUrl(read: OptionReader): string | undefined {
  const text = readHttpsUrl(read, 'auth-success-url', false);
  if (text === undefined) return undefined;
  return text.includes('?') ? read.fail('auth-success-url', 'must be a URL without a query') : text;
}

/** What the sign-in itself decides, so that a registration can't say otherwise. */
const derivedMembers = ['redirect_uris', 'client_id', 'client_secret', 'scope', 'token_endpoint_auth_method'];

function readRegistrationMetadata(read: OptionReader): Record<string, unknown> | undefined {
  const text = read.text('registration-metadata');
  if (text === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return read.fail('registration-metadata', 'must be a JSON object');
  }
  if (!isObject(json)) return read.fail('registration-metadata', 'must be a JSON object');
  const derived = Object.keys(json).find((name) => derivedMembers.includes(name));
  return derived === undefined
    ? json
    : read.fail('registration-metadata', `can't set "${derived}", which the sign-in derives itself`);
}

/** Where a parameter that the flow derives has an option of its own. */
const optionsFor: Readonly<Record<string, string>> = {
  scope: '--scope',
  resource: '--resource',
  client_id: '--client-id',
};

function readAuthorizeParams(read: OptionReader): Record<string, string> {
  const pairs = read.list('authorize-param').map((line): [string, string] => {
    const at = line.indexOf('=');
    const name = line.slice(0, at);
    if (at < 1 || !/^[\x21-\x7e]+$/.test(name)) return read.fail('authorize-param', 'must read key=value');
    if (reservedParameters.test(name))
      return read.fail(
        'authorize-param',
        `can't set "${name}", which ${optionsFor[name] === undefined ? 'the sign-in derives itself' : `${optionsFor[name]} does`}`,
      );
    return [name, line.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

function readPort(read: OptionReader): number | undefined {
  const port = read.number('callback-port', 1, 65_535);
  return port === undefined || Number.isInteger(port)
    ? port
    : read.fail('callback-port', 'must be a whole number');
}

function readPath(read: OptionReader): string {
  const path = read.text('callback-path') ?? '/callback';
  return /^\/[A-Za-z0-9._~/-]{0,128}$/.test(path) && !/\/(\/|\.{1,2}(\/|$))/.test(path)
    ? path
    : read.fail('callback-path', 'must begin with / and hold letters, digits and . _ ~ - only');
}
