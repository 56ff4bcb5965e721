import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --paper: #f6f7f9; --card: #fff; --line: #d9dde4; --soft: #5b6575; --go: #1a6b45 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --paper: #14171c; --card: #1d2128; --line: #343b46; --soft: #9aa4b3; --go: #237a50 }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 30rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px }
h1 { margin: 0 0 .5rem; font-size: 1.3rem }
p { margin: 0 0 1rem; color: var(--soft) }
dl { display: grid; grid-template-columns: auto 1fr; gap: .4rem 1rem; margin: 0 0 1.5rem }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
form { display: flex; gap: .75rem }
button { flex: 1; padding: .7rem; font: inherit; color: inherit; background: none; border: 1px solid var(--line);
  border-radius: 8px; cursor: pointer }
button[value=approve] { color: #fff; background: var(--go); border-color: var(--go); font-weight: 600 }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

export interface ConsentRequest {
  /** Names the pending request; whoever knows it may decide. */
  id: string;
  clientName: string;
  scope: string;
  resource: string;
  redirectUri: string;
}

/** The page that asks the user, without any script. Its form goes to `decision`, beside it. */
export function consentPage({ id, clientName, scope, resource, redirectUri }: ConsentRequest): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Approve – mcp-drawbridge demo</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(clientName)} asks for access</h1>
<p>This is the demo's own authorization server, on this machine. Nothing here leaves it.</p>
<dl>
<dt>May</dt><dd>${escapeHtml(scope) || '(nothing: no scope was asked for)'}</dd>
<dt>At</dt><dd>${escapeHtml(resource) || '(nowhere: no resource was named)'}</dd>
<dt>Back to</dt><dd>${escapeHtml(new URL(redirectUri).host)}</dd>
</dl>
<form method="post" action="decision">
<input type="hidden" name="request" value="${escapeHtml(id)}">
<button name="decision" value="approve">Approve</button>
<button name="decision" value="deny">Deny</button>
</form>
</main>
</body>
</html>
`;
}

/** @param redirectUri where the form's answer will redirect: Chromium holds `form-action` against that as well */
export function consentHeaders(redirectUri: string): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': [
      "default-src 'none'",
      `style-src 'sha256-${STYLE_HASH}'`,
      `form-action 'self' ${new URL(redirectUri).origin}`,
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'cross-origin-opener-policy': 'same-origin',
    // Not no-referrer: the browser would then send the form with the Origin null.
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
