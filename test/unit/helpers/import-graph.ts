import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

export interface Import {
  /** A path from the repository's root, or the name of a package or of a module of Node. */
  target: string;
  /** Erased at run time. */
  isType: boolean;
  /** Loaded only when the code is reached. */
  isDynamic: boolean;
}

/** Every source file below src/, with `/` between its parts. */
export function sourceFiles(folder = 'src'): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.ts$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

export function readSource(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

// What the linter's formatter makes of an import is regular enough to be read so.
const STATIC = /^(?:import|export)\s+(?:(type)\s+)?([^'";]*?\s+from\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;
const ANY_DYNAMIC = /\bimport\(/g;

/** The imports of a source file. */
export function importsOf(file: string): Import[] {
  const text = readSource(file).replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const resolve = (name: string): string =>
    name.startsWith('.') ? posix.join(posix.dirname(file), name) : name;
  const statics = [...text.matchAll(STATIC)].map(([, type, , name]) => ({
    target: resolve(name as string),
    isType: type !== undefined,
    isDynamic: false,
  }));
  const dynamics = [...text.matchAll(DYNAMIC)].map(([, name]) => ({
    target: resolve(name as string),
    isType: false,
    isDynamic: true,
  }));
  const all = [...text.matchAll(ANY_DYNAMIC)].length;
  if (all !== dynamics.length) throw new Error(`${file} imports something whose name is not plain text`);
  return [...statics, ...dynamics];
}

/** All that is loaded with a file at once: source files and the names of modules from elsewhere. */
export function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.startsWith('src/')) return seen;
  for (const { target, isType, isDynamic } of importsOf(file)) {
    if (!isType && !isDynamic) loadedWith(target, seen);
  }
  return seen;
}

/** A circle of imports, as the files along it; undefined where there is none. */
export function findCircle(
  files: readonly string[],
  follow: (each: Import) => boolean,
): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    done.add(file);
    for (const each of importsOf(file)) {
      if (!each.target.startsWith('src/') || !each.target.endsWith('.ts') || !follow(each)) continue;
      const circle = visit(each.target, [...path, file]);
      if (circle) return circle;
    }
    return undefined;
  };
  for (const file of files) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
  return undefined;
}
