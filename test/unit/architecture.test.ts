import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCircle, importsOf, loadedWith, readSource, root, sourceFiles } from './helpers/import-graph.ts';

const files = sourceFiles();

/** The wings of the house from top to bottom; what lies directly in src/ is the hall, but for main.ts. */
const wings = ['main', 'cli', 'bridge', 'remote', 'authorization', 'credentials', 'platform', 'hall'];
const wingOf = (file: string): string => {
  const [, first = ''] = file.split('/');
  return first === 'main.ts' ? 'main' : first.endsWith('.ts') ? 'hall' : first;
};

describe('the layout', () => {
  test('every source file lies in a wing that is known', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(files.filter((file) => !wings.includes(wingOf(file)))).toEqual([]);
  });

  test('imports go downward only, those of types too', () => {
    const upward = files.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => target.startsWith('src/'))
        .filter(({ target }) => wings.indexOf(wingOf(target)) < wings.indexOf(wingOf(file)))
        .map(({ target }) => `${file} -> ${target}`),
    );
    expect(upward).toEqual([]);
  });

  test('every import of a source file leads to one', () => {
    const lost = files.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => target.startsWith('src/') && !existsSync(join(root, target)))
        .map(({ target }) => `${file} -> ${target}`),
    );
    expect(lost).toEqual([]);
  });

  test('no file is loaded in a circle', () => {
    expect(findCircle(files, ({ isType, isDynamic }) => !isType && !isDynamic)).toBeUndefined();
  });

  test('no file depends on itself, counting types and what is loaded later', () => {
    expect(findCircle(files, () => true)).toBeUndefined();
  });

  test('no source file has more than 400 lines', () => {
    expect(files.filter((file) => readSource(file).split('\n').length > 401)).toEqual([]);
  });

  test('only the modules of Node and packages that are bundled are imported, Node by its prefix', () => {
    const foreign = new Set(files.flatMap(importsOf).map(({ target }) => target));
    for (const target of foreign) {
      if (target.startsWith('src/')) continue;
      expect(builtinModules, target).not.toContain(target);
    }
  });
});

describe('what is dangerous has its place', () => {
  const importersOf = (pattern: RegExp): string[] =>
    files.filter((file) => importsOf(file).some(({ target, isType }) => !isType && pattern.test(target)));

  test('processes are started by the opener, for the sign-in, for secrets that programs print, and for the keychain only [120]', () => {
    expect(importersOf(/^node:(child_process|cluster|worker_threads)$/).sort()).toEqual([
      'src/authorization/browser/open-browser.ts',
      'src/authorization/secret-command.ts',
      'src/authorization/sign-in/pending-sign-in.ts',
      'src/credentials/keychain-child.ts',
    ]);
  });

  test('files are read and written in few places', () => {
    expect(importersOf(/^node:fs/).sort()).toEqual([
      'src/authorization/given-file.ts',
      'src/bridge/era/era-file.ts',
      'src/cli/build-settings.ts',
      'src/cli/clients/config-file.ts',
      'src/cli/clients/world.ts',
      'src/cli/demo/demo-state.ts',
      'src/cli/login.ts',
      'src/cli/mcp-remote/callback.ts',
      'src/cli/mcp-remote/debug-log.ts',
      'src/cli/mcp-remote/static-client.ts',
      'src/cli/run-bridge.ts',
      'src/cli/stored/confirm.ts',
      'src/cli/stored/forget-eras.ts',
      'src/cli/user-headers.ts',
      'src/credentials/dbus.ts',
      'src/credentials/durable-files.ts',
      'src/credentials/file-lock.ts',
      'src/credentials/given-secret.ts',
      'src/credentials/machine.ts',
      'src/credentials/mcp-remote-layouts.ts',
      'src/credentials/open-store.ts',
      'src/credentials/presence.ts',
      'src/credentials/private-folder.ts',
      'src/platform/http-client.ts',
      'src/platform/lifetime.ts',
      'src/platform/log-writer.ts',
    ]);
  });

  test('the network is reached through the HTTP client and the loopback receiver only, but for locks and the session bus; the demo has both ends of its own', () => {
    expect(importersOf(/^node:(http|https|http2|net|tls|dgram|dns)$|proxy-agent|undici/).sort()).toEqual([
      'src/authorization/browser/callback-server.ts',
      'src/cli/demo/follow-link.ts',
      'src/cli/demo/loopback-listener.ts',
      'src/credentials/dbus.ts',
      'src/credentials/socket-lock.ts',
      'src/platform/address-policy.ts',
      'src/platform/http-client.ts',
      'src/platform/name-lookup.ts',
      'src/platform/oauth-http.ts',
      'src/platform/proxy.ts',
    ]);
    expect(files.filter((file) => /\bfetch\(/.test(readSource(file)))).toEqual([]);
  });

  test('no text becomes code [120]', () => {
    expect(files.filter((file) => /\beval\(|new Function\b|node:vm/.test(readSource(file)))).toEqual([]);
  });

  test('stdout has one writer; the commands for people print too, and processes that answer another [78, L-02]', () => {
    const printers = files.filter((file) => /process\.stdout|console\./.test(readSource(file)));
    expect(printers).toEqual([
      'src/authorization/sign-in/sign-in-process.ts',
      'src/cli/client-metadata.ts',
      'src/cli/clients/world.ts',
      'src/cli/completion/print-completion.ts',
      'src/cli/demo/demo.ts',
      'src/cli/doctor/doctor.ts',
      'src/cli/login/terminal.ts',
      'src/cli/run-bridge.ts',
      'src/cli/stored/output.ts',
      'src/credentials/keychain-process.ts',
    ]);
  });
});

describe('a start with stored credentials', () => {
  // Each kind of credential is loaded by the connection when its kind is known.
  test.each(['oauth-authorizer', 'machine/machine-authorizer'])(
    'loads nothing that only a refresh or a sign-in needs: %s',
    (authorizer) => {
      expect(importsOf('src/cli/oauth-connection.ts').map(({ target }) => target)).toContain(
        `src/authorization/${authorizer}.ts`,
      );
      const loaded = ['src/cli/oauth-connection.ts', `src/authorization/${authorizer}.ts`].flatMap((file) => [
        ...loadedWith(file),
      ]);
      for (const file of [
        'renewal',
        'tokens',
        'discovery',
        'dpop',
        'client-key',
        'machine/machine-tokens',
        'machine/open-grant',
        'machine/enterprise',
        'sign-in/run-sign-in',
        'browser/callback-server',
      ])
        expect(loaded).not.toContain(`src/authorization/${file}.ts`);
      for (const name of ['node:child_process', 'node:dns']) expect(loaded).not.toContain(name);
    },
  );

  test('of a user loads nothing of machines', () => {
    const loaded = [...loadedWith('src/authorization/oauth-authorizer.ts')];
    expect(loaded.filter((file) => file.includes('/machine/'))).toEqual([]);
  });
});

describe('the plain start of a bridge', () => {
  const loaded = [...new Set([...loadedWith('src/main.ts'), ...loadedWith('src/cli/run-bridge.ts')])];

  test('loads these modules of Node and nothing else from outside', () => {
    expect(loaded.filter((name) => !name.startsWith('src/')).sort()).toEqual([
      'node:buffer',
      'node:fs',
      'node:path',
      'node:util',
    ]);
  });

  test.each([
    'src/authorization/oauth-authorizer.ts',
    'src/authorization/sign-in/run-sign-in.ts',
    'src/authorization/token-command.ts',
    'src/bridge/sign-in-gate.ts',
    'src/cli/clients/add.ts',
    'src/cli/demo/demo.ts',
    'src/cli/mcp-remote/table.ts',
    'src/cli/mcp-remote/translate.ts',
    'src/cli/program.ts',
    'src/credentials/store.ts',
    'src/platform/cookies.ts',
    'src/platform/log-writer.ts',
    'src/platform/proxy.ts',
    'src/remote/http-sse.ts',
  ])('leaves %s for later', (file) => {
    expect(files).toContain(file);
    expect(loaded).not.toContain(file);
  });

  test('what is loaded later is loaded somewhere', () => {
    const later = files.flatMap(importsOf).filter(({ isDynamic }) => isDynamic);
    // A program of its own (scripts/build.mjs).
    loaded.push('src/credentials/keychain-process.ts');
    const reached = new Set<string>();
    for (const { target } of later) loadedWith(target, reached);
    for (const file of files.filter((name) => !loaded.includes(name)))
      expect(reached.has(file) || isTypesOnly(file), file).toBe(true);
  });
});

/** Whether nothing of a file is left at run time. */
function isTypesOnly(file: string): boolean {
  return !/^export (?!type |interface )|^(?!import|export)\w/m.test(readSource(file));
}
