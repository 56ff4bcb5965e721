import { createHash } from 'node:crypto';

/** What a page names. All of it is put in from outside as a host or as a word of ours, never as text of the remote. */
export interface PageFacts {
  /** The MCP server, as a URL or a host with or without its port. */
  server?: string | undefined;
  /** The authorization server, likewise. */
  issuer?: string | undefined;
  /** Why it failed, for the page `failed`. */
  reason?: FailureReason | undefined;
}

const failures = {
  'request-refused': 'The authorization server refused the request.',
  'code-refused': 'The authorization server did not accept the code that it had just given.',
  unreachable: 'The authorization server could not be reached to finish the sign-in.',
  'server-error': 'The authorization server has a problem of its own. Try again in a few minutes.',
  'invalid-answer': 'The authorization server gave an answer that can not be used.',
  'invalid-scope': 'The authorization server does not know a permission that was asked for.',
  'invalid-client': 'The authorization server does not know this program any more.',
  'not-accepted': 'You were signed in, but the server does not accept the result.',
  'not-saved': 'You were signed in, but the credentials could not be saved on this computer.',
  'timed-out': 'The sign-in took too long and has been given up.',
  unexpected: 'Something unforeseen went wrong while the sign-in was being finished.',
} as const;

export type FailureReason = keyof typeof failures;

const check = '<path d="M6 12.5l4 4 8-9"/>';
const cross = '<path d="M7 7l10 10M17 7L7 17"/>';
const clock = '<path d="M12 6v6.5l4 2.5"/>';
const question = '<path d="M9 9.2a3 3 0 1 1 4.4 2.7c-1 .5-1.4 1-1.4 2.1M12 17.6v.1"/>';

interface Page {
  status: number;
  mood: 'good' | 'bad' | 'calm';
  icon: string;
  title: string;
  text: string;
  advice: string;
}

const pages = {
  'signed-in': {
    status: 200,
    mood: 'good',
    icon: check,
    title: 'You are signed in',
    text: 'The connection is ready, and you stay signed in.',
    advice: 'You can close this tab and go back to your app.',
  },
  failed: {
    status: 400,
    mood: 'bad',
    icon: cross,
    title: 'The sign-in failed',
    text: failures.unexpected,
    advice:
      'Close this tab and go back to your app. It says what can be done, and can start the sign-in again.',
  },
  'refused-by-user': {
    status: 400,
    mood: 'calm',
    icon: cross,
    title: 'Access was not granted',
    text: 'Access was declined, by you or by a rule of your organisation. Nothing was connected or stored.',
    advice: 'If that was not meant, close this tab and start the sign-in again from your app.',
  },
  'unknown-callback': {
    status: 400,
    mood: 'calm',
    icon: question,
    title: 'Unknown sign-in',
    text: 'This page belongs to a sign-in that has ended, or that was not started here. Nothing was changed.',
    advice: 'If you are signing in just now, go on in the tab that your app opened last.',
  },
  'still-working': {
    status: 200,
    mood: 'calm',
    icon: clock,
    title: 'Almost there',
    text: 'You have done your part. The authorization server is taking its time to finish the sign-in.',
    advice: 'You can close this tab. Your app will say how it went.',
  },
  'too-many': {
    status: 429,
    mood: 'calm',
    icon: clock,
    title: 'Too many requests',
    text: 'This address was called more often than a sign-in needs. The sign-in itself is not affected.',
    advice: 'If you are signing in just now, go on in the tab that your app opened last.',
  },
} as const satisfies Record<string, Page>;

export type PageName = keyof typeof pages;

const style = `
:root{color-scheme:light dark;--ground:#f3f4f6;--card:#fff;--edge:#e2e5ea;--text:#1b2130;--soft:#596275;--good:#0b7a53;--good-ground:#dff5ea;--bad:#b3261e;--bad-ground:#fdeceb;--calm:#3d4f7c;--calm-ground:#e8edf9}
@media(prefers-color-scheme:dark){:root{--ground:#10131a;--card:#191e28;--edge:#2a3140;--text:#eceff5;--soft:#a3adbf;--good:#5fd6a4;--good-ground:#12382a;--bad:#ff9a92;--bad-ground:#43201e;--calm:#a9bdf2;--calm-ground:#232e4b}}
*{box-sizing:border-box;margin:0}
html{-webkit-text-size-adjust:100%}
body{min-height:100vh;min-height:100svh;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:20px;padding:24px 16px;background:var(--ground);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
main{width:100%;max-width:460px;padding:40px 36px 36px;border:1px solid var(--edge);border-radius:16px;background:var(--card);box-shadow:0 1px 2px rgb(16 24 40/5%),0 12px 32px -8px rgb(16 24 40/12%);text-align:center}
svg{display:block;fill:none;stroke:currentColor;stroke-linecap:round;stroke-linejoin:round}
.sign{width:64px;height:64px;margin:0 auto 24px;padding:9px;border-radius:50%;stroke-width:2}
.good{color:var(--good);background:var(--good-ground)}
.bad{color:var(--bad);background:var(--bad-ground)}
.calm{color:var(--calm);background:var(--calm-ground)}
h1{margin-bottom:10px;font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.01em;text-wrap:balance}
p{text-wrap:balance}
.text{color:var(--soft)}
dl{margin:24px 0 0;border:1px solid var(--edge);border-radius:10px;text-align:left}
dl div{padding:10px 16px}
dl div+div{border-top:1px solid var(--edge)}
dt{color:var(--soft);font-size:.8125rem}
dd{font-weight:550;overflow-wrap:anywhere}
.advice{margin-top:24px}
header{display:flex;align-items:center;gap:10px;font-weight:600;letter-spacing:-.005em}
header svg{width:30px;height:30px;color:var(--calm);stroke-width:2.4}
header .tower{fill:currentColor;stroke:none}
footer{max-width:460px;color:var(--soft);font-size:.8125rem;text-align:center}
@media(max-width:480px){main{padding:32px 20px 28px}}
@media(forced-colors:active){.sign{border:2px solid}}
`;

/** A drawbridge, half open: two towers with battlements, between them the two leaves of the deck. */
const mark =
  '<svg viewBox="0 0 32 32" aria-hidden="true"><path class="tower" d="M2 27V7h2.4v2.6h2.2V7H9v20zM23 27V7h2.4v2.6h2.2V7H30v20z"/><path d="M9 25l5.6-9.2M23 25l-5.6-9.2"/></svg>';

/** The style-src of the Content-Security-Policy that lets the pages' own style through, and nothing else [40]. */
export const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`;

/** The HTTP status that goes with a page. */
export function statusOf(name: PageName): number {
  return pages[name].status;
}

/** A whole HTML page: fixed words, hosts in ASCII, no script, nothing loaded from anywhere [40, 96]. */
export function renderPage(name: PageName, facts: PageFacts = {}): string {
  const { mood, icon, title, text, advice }: Page = pages[name];
  const told = name === 'failed' && facts.reason !== undefined ? failures[facts.reason] : text;
  const rows = [
    ['MCP server', hostOf(facts.server)],
    ['Authorization server', hostOf(facts.issuer)],
  ].flatMap(([label, host]) => (host === undefined ? [] : [`<div><dt>${label}</dt><dd>${host}</dd></div>`]));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · mcp-drawbridge</title>
<style>${style}</style>
</head>
<body>
<header>${mark}mcp-drawbridge</header>
<main>
<svg class="sign ${mood}" viewBox="0 0 24 24" aria-hidden="true">${icon}</svg>
<h1>${title}</h1>
<p class="text">${told}</p>
${rows.length > 0 ? `<dl>${rows.join('')}</dl>\n` : ''}<p class="advice">${advice}</p>
</main>
<footer>This page comes from your own computer.</footer>
</body>
</html>
`;
}

/** The host of a URL, or a host, as the parser writes it: in ASCII, without anything that HTML would interpret. */
function hostOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  const host = URL.canParse(url) ? new URL(url).host : '';
  return /^[\w.:[\]-]{1,260}$/.test(host) ? host : undefined;
}
