import { clientMetadata } from '../authorization/registration.ts';
import { DOCUMENT_PORTS } from '../authorization/sign-in/choose-client.ts';
import { DrawbridgeError } from '../errors.ts';

/**
 * Prints the client ID metadata document to be hosted at a URL (MCP 2025-11-25, Client ID Metadata Documents).
 *
 * @param url the https URL, with a path, that will be the client id
 * @returns the exit code
 * @throws DrawbridgeError `usage`
 */
export function printClientMetadata(url: string): number {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const { protocol, pathname = '/', username, password } = parsed ?? {};
  // It is compared as text, so it must be what the parser leaves as it is: no blank, no "..".
  const isSound = !url.includes('#') && /^https:\/\/[^\s/?\\]+([^?]*)/i.exec(url)?.[1] === pathname;
  if (!parsed || protocol !== 'https:' || pathname === '/' || !isSound || username || password)
    throw new DrawbridgeError('usage', '--url must be an https URL with a path; see --help.');
  // Some servers take any port of a loopback address, as they should; some compare the whole (RFC 8252 section 7.3).
  const places = ['', ...DOCUMENT_PORTS.map((port) => `:${port}`)];
  const document = {
    client_id: url,
    client_uri: parsed.origin,
    ...clientMetadata,
    token_endpoint_auth_method: 'none',
    redirect_uris: ['127.0.0.1', 'localhost'].flatMap((host) =>
      places.map((port) => `http://${host}${port}/callback`),
    ),
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  return 0;
}
