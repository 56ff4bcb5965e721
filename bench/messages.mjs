// What both kinds of client say, so that a bridge and the direct way carry the same bytes.

/** Up to here a message is parsed; of a larger one only the id is looked for. */
export const SMALL = 64 * 1024;

export const initializeParams = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1.0.0' },
};

/** What every request of a client of the revision 2026-07-28 has in its `_meta`. */
export const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': initializeParams.clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {},
};

export const call = (name, given) => ({ name, arguments: given });

const large = new Map();

/** The pieces of a `tools/call` request with an argument of so many MiB. */
export function largeRequest(id, mebibytes) {
  let text = large.get(mebibytes);
  if (!text) {
    const sentence = 'The bridge said \\"cross\\" and a line ended here.\\n';
    text = Buffer.from(sentence.repeat(Math.ceil((mebibytes * 1024 * 1024) / sentence.length)));
    large.set(mebibytes, text);
  }
  const head = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"swallow","arguments":{"text":"`;
  return [Buffer.from(head), text, Buffer.from('"}}}\n')];
}
