import type { Agent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';
import { DrawbridgeError } from '../errors.ts';
import { isLoopback } from './url-policy.ts';

export interface Proxy {
  agent: Agent;
  /** The proxy's host and port, without its credentials. */
  name: string;
}

/**
 * The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name for a URL.
 * A proxy on another machine can't reach this machine's loopback, so that is never asked to.
 *
 * @throws DrawbridgeError `usage` where the variable holds no http or https URL
 */
export function findProxy(url: URL, agentOptions: AgentOptions): Proxy | undefined {
  const found = getProxyForUrl(url.href);
  if (found === '') return undefined;
  // Where the variable names no scheme, the library takes the target's; proxies are spoken to in plain HTTP by default.
  const isGiven = Object.entries(process.env).some(
    ([name, value]) => /_proxy$/i.test(name) && value === found,
  );
  const setting = isGiven ? found : found.replace(/^https:/, 'http:');
  if (!URL.canParse(setting)) fail();
  const proxy = new URL(setting);
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') fail();
  if (isLoopback(url) && !isLoopback(proxy)) return undefined;
  // Without a tunnel the proxy ends connections as it likes, some without a word: a kept one may be gone already.
  const agent =
    url.protocol === 'https:'
      ? new HttpsProxyAgent(proxy, agentOptions)
      : new HttpProxyAgent(proxy, { ...agentOptions, keepAlive: false });
  return { agent: agent as unknown as Agent, name: proxy.host };
}

function fail(): never {
  throw new DrawbridgeError(
    'usage',
    'The proxy variable (HTTPS_PROXY or HTTP_PROXY) must read http://host:port.',
  );
}
