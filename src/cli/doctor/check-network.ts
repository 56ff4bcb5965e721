import { DrawbridgeError } from '../../errors.ts';
import { openTransport } from '../../platform/http-client.ts';
import { lookUpHost } from '../../platform/name-lookup.ts';
import { isLoopback } from '../../platform/url-policy.ts';
import { askForTools, type ServerAnswer } from './ask-server.ts';
import type { Examination } from './examination.ts';
import { type Finding, failedBy, ok, skip, warn } from './step.ts';

/** Beyond this the clocks are worth a word, in milliseconds: what is signed for a time allows for about so much. */
const SKEW = 60_000;

/** A request without a credential, made once. */
export async function reach(examination: Examination): Promise<ServerAnswer | DrawbridgeError> {
  if (examination.reached) return examination.reached;
  const client = await examination.client();
  examination.reached = await askForTools(client, examination.path, examination.openHeaders).catch(
    (error: unknown) => client.failure(error),
  );
  return examination.reached;
}

/** Which proxy is in the way, and whether it lets us through. */
export async function checkProxy(examination: Examination): Promise<Finding> {
  const { url, network } = examination.settings;
  const variables = Object.keys(network.env).filter((name) => /^(https?|all)_proxy$/i.test(name));
  let name: string | undefined;
  try {
    name = (await openTransport(url, { ...network, keepAlive: 0 })).proxyName;
  } catch (error) {
    const { message } = error as DrawbridgeError;
    return failedBy(new DrawbridgeError('proxy-failed', message), `correct ${variables.join(' or ')}`);
  }
  if (name === undefined) {
    if (variables.length === 0) return ok('none', { proxy: null });
    const why = isLoopback(url) ? 'it is on this machine' : 'NO_PROXY names it';
    return ok(`none for ${url.hostname}, though ${variables.join(' and ')} is set: ${why}`, { proxy: null });
  }
  const reached = await reach(examination);
  if (!(reached instanceof DrawbridgeError) || reached.reason !== 'proxy-failed')
    return ok(`${name}, named by ${variables.join(' and ')}`, { proxy: name });
  const { status } = reached.details;
  const fix =
    status === 407
      ? `put the proxy's user name and password into ${variables[0]}: http://user:password@${name}`
      : `start the proxy or correct ${variables[0]}; where ${url.hostname} is reached without it, add that to NO_PROXY`;
  return failedBy(reached, fix);
}

/** Whether the name service knows the host. Through a proxy that is the proxy's to find out. */
export async function checkName(examination: Examination): Promise<Finding> {
  const { url, network } = examination.settings;
  const { proxyName } = await openTransport(url, { ...network, keepAlive: 0 });
  if (proxyName !== undefined) return ok('left to the proxy');
  try {
    const addresses = await lookUpHost(url, network.ipv4Only);
    if (addresses === undefined) return ok(`${url.hostname} is an address`);
    return ok(`${url.hostname} is ${addresses.slice(0, 4).join(', ')}`, { addresses });
  } catch (error) {
    return failedBy(error as DrawbridgeError, 'correct the host in the URL, or go online (a VPN, perhaps)');
  }
}

/** Whether a connection comes about, whatever is said on it. */
export async function checkConnection(examination: Examination): Promise<Finding> {
  const { url, network } = examination.settings;
  const reached = await reach(examination);
  const { host } = url;
  if (!(reached instanceof DrawbridgeError) || reached.reason !== 'unreachable')
    return ok(`connected to ${host}`);
  const { code } = reached.details;
  if (code === 'ECONNREFUSED')
    return failedBy(reached, `start the server, or correct the port in the URL (it is ${portOf(url)})`);
  const hint = network.ipv4Only
    ? 'find out what blocks the way'
    : 'find out what blocks the way, or try --ipv4';
  return failedBy(reached, `${hint} (a firewall, a VPN that is off)`);
}

/** The server's clock against ours, by its Date header (RFC 9110 section 6.6.1). */
export async function checkClock(examination: Examination): Promise<Finding> {
  const reached = await reach(examination);
  if (reached instanceof DrawbridgeError || reached.date === undefined)
    return skip('the server has not told its time');
  const difference = examination.now() - reached.date;
  const seconds = Math.round(difference / 1000);
  const facts = { aheadBySeconds: seconds };
  // The header has whole seconds, and is older than its arrival.
  if (Math.abs(difference) <= SKEW) return ok("agrees with the server's", facts);
  const direction = seconds > 0 ? 'ahead of' : 'behind';
  return warn(
    `this machine's clock is ${spanOf(Math.abs(seconds))} ${direction} the server's: certificates and tokens may seem expired, or not valid yet`,
    'clock-skew',
    'set the clock, best by the network (NTP); where it is right, the server is wrong',
    facts,
  );
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

/** @param seconds not negative */
export function spanOf(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
