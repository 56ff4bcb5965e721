import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type FailureReason,
  type PageName,
  renderPage,
  statusOf,
  styleSource,
} from '../../../../src/authorization/browser/pages.ts';

const statuses: Record<PageName, number> = {
  'signed-in': 200,
  failed: 400,
  'refused-by-user': 400,
  'unknown-callback': 400,
  'still-working': 200,
  'too-many': 429,
};
const reasons: FailureReason[] = ['request-refused', 'unreachable', 'not-saved', 'unexpected'];

describe.each(Object.entries(statuses) as [PageName, number][])('the page %s', (name, status) => {
  const html = renderPage(name, {
    server: 'https://mcp.example.com/mcp?key=s3cret',
    issuer: 'as.example:8443',
  });

  test(`has the status ${status}; only what worked is a success to programs`, () => {
    expect(statusOf(name)).toBe(status);
  });

  test('is a whole page that a screen reader finds its way on', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    for (const tag of ['<header>', '<main>', '<h1>', '<title>', '<footer>'])
      expect(html.split(tag)).toHaveLength(2);
    expect(html.match(/<svg[^>]*>/g)?.every((svg) => svg.includes('aria-hidden="true"'))).toBe(true);
  });

  test('names the hosts and no more of their URLs', () => {
    expect(html).toContain('<dd>mcp.example.com</dd>');
    expect(html).toContain('<dd>as.example:8443</dd>');
    expect(html).not.toContain('s3cret');
  });

  test('loads and runs nothing, and has no style but the one that the policy lets through [40]', () => {
    expect(html).not.toMatch(
      /<script|<link|<img|<iframe|<form|<base|<object|\son\w+=|\sstyle=|\ssrc=|\shref=|url\(|@import/i,
    );
    const [, style] = /<style>([\s\S]*?)<\/style>/.exec(html) as unknown as [string, string];
    expect(styleSource).toBe(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
  });
});

test('every reason of a failure has a sentence of its own', () => {
  const pages = reasons.map((reason) => renderPage('failed', { reason }));
  expect(new Set(pages).size).toBe(reasons.length);
});

test.each([
  ['bücher.example', '<dd>xn--bcher-kva.example</dd>'],
  ['аpple.example', '<dd>xn--pple-43d.example</dd>'],
  ['http://[::1]:3000/mcp', '<dd>[::1]:3000</dd>'],
  ['127.0.0.1:3000', '<dd>127.0.0.1:3000</dd>'],
  ['user:s3cret@as.example', '<dd>as.example</dd>'],
])('the host of %s is shown in ASCII [96]', (issuer, text) => {
  expect(renderPage('signed-in', { issuer })).toContain(text);
});

test.each([
  ['<script>alert(1)</script>'],
  ["as.example'><b>"],
  ['a&b"c'],
  ['$(id)'],
  [''],
  ['a b'],
  [`${'x'.repeat(300)}.example`],
])('what is no host is not shown: %s', (server) => {
  expect(renderPage('signed-in', { server, issuer: undefined })).toBe(renderPage('signed-in'));
});
