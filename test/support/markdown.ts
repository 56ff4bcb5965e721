import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Page {
  /** The path below the repository's root. */
  path: string;
  fences: Fence[];
  /** What stands between single backticks outside of fences. */
  spans: string[];
  links: string[];
  /** The anchors of its headings, as GitHub makes them. */
  anchors: string[];
}

interface Fence {
  /** The path of the page and the line, for messages. */
  place: string;
  language: string;
  text: string;
}

/** The pages for people: those in the root, and all below docs/. */
export function pages(): Page[] {
  const below = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const paths = [...readdirSync(root), ...below.map((name) => `docs/${name.replaceAll('\\', '/')}`)];
  return paths
    .filter((path) => path.endsWith('.md'))
    .sort()
    .map((path) => parsePage(path, readFileSync(join(root, path), 'utf8')));
}

export function parsePage(path: string, text: string): Page {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let fence: (Fence & { indent: number }) | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', language] = /^( *)```([\w-]*)\s*$/.exec(line) ?? [];
    if (language === undefined) {
      if (fence) fence.text += `${line.slice(fence.indent)}\n`;
      else prose.push(line);
    } else if (fence) {
      fences.push({ place: fence.place, language: fence.language, text: fence.text });
      fence = undefined;
    } else {
      fence = { place: `${path}:${index + 1}`, language, text: '', indent: indent.length };
    }
  }
  if (fence) throw new Error(`${fence.place}: the fence is not closed`);
  const flat = prose.join('\n');
  return {
    path,
    fences,
    spans: [...flat.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span as string),
    links: [...flat.replaceAll(/`[^`\n]+`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, link]) => link as string,
    ),
    anchors: [...flat.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading as string)),
  };
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/**
 * The commands of a shell snippet, one a line as a shell takes them: without comments, lines that go on put together.
 */
export function commandsOf(text: string): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)#(\s.*|$)/, '').trim())
    .filter(Boolean);
}
