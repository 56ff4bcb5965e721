import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { ConfigFault, type ServerEntry } from '../../../../src/cli/clients/config-format.ts';
import { tomlConfig } from '../../../../src/cli/clients/toml-config.ts';

const entry: ServerEntry = { command: 'npx', args: ['-y', 'mcp-drawbridge', 'https://mcp.example.com/mcp'] };
const table = 'command = "npx"\nargs = ["-y", "mcp-drawbridge", "https://mcp.example.com/mcp"]';
const codex = tomlConfig('mcp_servers');

describe('a TOML configuration', () => {
  test.each<[string, string, string]>([
    ['nothing', '', `[mcp_servers.x]\n${table}\n`],
    ['a last line without its end', 'a = 1', `a = 1\n\n[mcp_servers.x]\n${table}`],
    ['a comment at the end', 'a = 1\n# end\n', `a = 1\n# end\n\n[mcp_servers.x]\n${table}\n`],
    [
      'Windows line ends',
      '[mcp_servers.a]\r\ncommand = "a"\r\n',
      `[mcp_servers.a]\r\ncommand = "a"\r\n\r\n[mcp_servers.x]\r\n${table.replace('\n', '\r\n')}\r\n`,
    ],
    [
      'servers by dotted keys',
      'mcp_servers.a.command = "a"\n',
      `mcp_servers.a.command = "a"\n\n[mcp_servers.x]\n${table}\n`,
    ],
  ])('with %s', (_, before, after) => {
    expect(codex.set(before, 'x', entry)).toBe(after);
    expect(codex.remove(after, 'x')).toBe(before);
    expect(codex.find(after, 'x')).toEqual(entry);
  });

  test('a table is replaced where it is, with those below it', () => {
    const before =
      'a = 1\n\n[mcp_servers.x] # mine\nurl = "u"\n\n[mcp_servers.x.env]\nK = "v"\n\n# about b\n[mcp_servers.b]\ncommand = "b"\n';
    expect(codex.set(before, 'x', entry)).toBe(
      `a = 1\n\n[mcp_servers.x]\n${table}\n\n# about b\n[mcp_servers.b]\ncommand = "b"\n`,
    );
  });

  test('what was added to an entry can be written too', () => {
    const full = { ...entry, env: { 'A B': 'c"\u007f' }, enabled: false, startup_timeout_sec: 20, empty: {} };
    expect(codex.find(codex.set('a = 1\n', 'x', full), 'x')).toEqual(full);
  });

  test('a table is taken out with those below it, and comments behind it stay', () => {
    const text =
      'a = """\n[mcp_servers.x]\n"""\n\n[mcp_servers."x"]\ncommand = "c" # ]\nargs = [\n  "[mcp_servers.y]", # "\n]\n[ mcp_servers . x . env ]\nK = \'[\'\n\n# keep\n[[list]]\nb = 1\n[[list]]\n';
    expect(codex.remove(text, 'x')).toBe(
      'a = """\n[mcp_servers.x]\n"""\n\n# keep\n[[list]]\nb = 1\n[[list]]\n',
    );
  });

  test.each<[string, string]>([
    ['an inline table', 'mcp_servers = { x = { command = "c" } }\n'],
    ['dotted keys', 'mcp_servers.x.command = "c"\n'],
    ['a key of another table', '[mcp_servers]\nx = { command = "c" }\n'],
    ['tables that lie apart', '[mcp_servers.x]\ncommand = "c"\n[other]\n[mcp_servers.x.env]\nK = "v"\n'],
  ])('an entry that is written as %s is left alone', (_, text) => {
    expect(codex.find(text, 'x')).toMatchObject({ command: 'c' });
    expect(() => codex.remove(text, 'x')).toThrow(/by hand/);
    expect(() => codex.set(text, 'x', entry)).toThrow(/by hand/);
  });

  test('nothing can be added to an inline table', () => {
    expect(() => codex.set('mcp_servers = { a = { command = "a" } }\n', 'x', entry)).toThrow(/by hand/);
  });

  test.each<[string, string, number]>([
    ['a broken value', 'a = 1\nb = 1x\n', 2],
    ['a key that comes twice', 'a = 1\na = 2\n', 2],
    ['a table that comes twice', '[mcp_servers.a]\n[mcp_servers.a]\n', 2],
  ])('%s is refused with its place', (_, text, line) => {
    for (const use of [() => codex.find(text, 'x'), () => codex.set(text, 'x', entry)]) {
      expect(use).toThrow(ConfigFault);
      expect(use).toThrow(expect.objectContaining({ position: expect.objectContaining({ line }) }));
    }
  });

  test.each(['mcp_servers = 1\n', 'mcp_servers = []\n', '[mcp_servers]\nx = 1\n'])(
    '%j is refused',
    (text) => {
      expect(() => codex.find(text, 'x')).toThrow(/should be a table/);
    },
  );
});

const line = fc.constantFrom(
  '',
  '# comment [mcp_servers.x]',
  '   ',
  'KEY = "a # b"',
  "KEY = '''\n[mcp_servers.x]\n'''",
  'KEY = """\n\\"""\n# no\n"""',
  'KEY = [ "]", # ]\n  { a = "[" },\n]',
  'KEY = 12345678901234567890',
  'KEY = 1979-05-27T07:32:00Z # date',
  '[TABLE]',
  '[TABLE . "sub table"] # [',
  '[[LIST]]',
  '[mcp_servers.NAME]',
);

/** Sound by construction: every key and table has a name of its own. */
const document = fc
  .record({
    lines: fc.array(line, { maxLength: 12 }),
    lineEnd: fc.constantFrom('\n', '\r\n'),
    ended: fc.boolean(),
  })
  .map(({ lines, lineEnd, ended }) => {
    const text = lines
      .map((text, at) =>
        text
          .replace('KEY', `k${at}`)
          .replace('TABLE', `t${at}`)
          .replace('LIST', `l${at}`)
          .replace('NAME', `n${at}`),
      )
      .join('\n');
    return (ended && text !== '' ? `${text}\n` : text).replaceAll('\n', lineEnd);
  });

describe('for any document', () => {
  test('all stays in front of what is added, and removing that gives the original', () => {
    fc.assert(
      fc.property(document, (text) => {
        const after = codex.set(text, 'x', entry);
        expect(after.startsWith(text)).toBe(true);
        expect(parse(after, { integersAsBigInt: 'asNeeded' })).toMatchObject({ mcp_servers: { x: entry } });
        expect(codex.remove(after, 'x')).toBe(text);
      }),
      { numRuns: 400 },
    );
  });

  test('any entry comes back as it was', () => {
    const value = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.array(fc.string()));
    const name = fc.string({ minLength: 1, maxLength: 8 }).filter((key) => key !== '__proto__');
    fc.assert(
      fc.property(fc.dictionary(name, fc.oneof(value, fc.dictionary(name, fc.string()))), (any) => {
        const written = { command: 'c', ...any } as ServerEntry;
        const read = codex.find(codex.set('', 'x', written), 'x');
        expect(stringify(read as object)).toBe(stringify(written as object));
      }),
    );
  });
});
