import { type IncomingMessage, request } from 'node:http';
import { isLoopback } from '../../platform/url-policy.ts';

const MAX_STEPS = 10;
const PATIENCE = 10_000;

interface Page {
  status: number;
  location: string | undefined;
  body: string;
}

/**
 * Does with the link what the user and a browser would: opens it, presses Approve, follows the redirects to the end.
 * It never leaves this machine.
 *
 * @throws Error whose message says where it ended instead
 */
export async function followLink(link: string): Promise<void> {
  let url = new URL(link);
  let form: string | undefined;
  for (let step = 0; step < MAX_STEPS; step++) {
    const page = await open(url, form);
    form = undefined;
    if (page.location !== undefined && page.status >= 300 && page.status < 400) {
      url = new URL(page.location, url);
      continue;
    }
    if (page.status !== 200) throw new Error(`${url.origin}${url.pathname} answered ${page.status}`);
    const [, id] = /name="request" value="([\w-]+)"/.exec(page.body) ?? [];
    if (id === undefined) return;
    url = new URL('decision', url);
    form = new URLSearchParams({ request: id, decision: 'approve' }).toString();
  }
  throw new Error('there were too many redirects');
}

async function open(url: URL, form: string | undefined): Promise<Page> {
  if (url.protocol !== 'http:' || !isLoopback(url)) throw new Error(`the link leads away, to ${url.origin}`);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'text/html',
        ...(form === undefined
          ? {}
          : { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin }),
      },
      agent: false,
      timeout: PATIENCE,
    });
    sent.once('timeout', () => sent.destroy(new Error(`${url.origin} did not answer`)));
    sent.once('response', resolve).once('error', reject).end(form);
  });
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode ?? 0, location: response.headers.location, body };
}
