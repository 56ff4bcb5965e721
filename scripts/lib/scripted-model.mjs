import { createServer } from 'node:http';

/**
 * A stand-in for the model behind a client, so that the client calls a tool by itself and without an account: each
 * conversation that offers a tool named like `tool` gets one call of it, and then the tool's answer as the last word.
 * It speaks as much of Anthropic's Messages API and of Google's generateContent as the clients need.
 */
export class ScriptedModel {
  #server = createServer((request, response) => void this.#answer(request, response));
  #call;

  constructor(tool, args) {
    this.#call = { tool, args };
  }

  /** Starts on a free port of loopback and gives the base URL. */
  async start() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request, response) {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body = text === '' ? {} : JSON.parse(text);
    if (/\/messages\b/.test(request.url)) return anthropic(body, this.#call, response);
    if (/:(streamG|g)enerateContent/.test(request.url))
      return google(body, this.#call, request.url, response);
    response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":{"message":"not served"}}');
  }
}

function anthropic(body, { tool, args }, response) {
  const offered = body.tools?.find(({ name }) => name.endsWith(tool));
  const results =
    body.messages?.flatMap(({ content }) => content).filter(({ type }) => type === 'tool_result') ?? [];
  const calls = offered !== undefined && results.length === 0;
  const block = calls
    ? { type: 'tool_use', id: 'toolu_1', name: offered.name, input: {} }
    : { type: 'text', text: '' };
  const delta = calls
    ? { type: 'input_json_delta', partial_json: JSON.stringify(args) }
    : { type: 'text_delta', text: JSON.stringify(results.at(-1)?.content ?? 'no tool') };
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: body.model, content: [], usage };
  const stop_reason = calls ? 'tool_use' : 'end_turn';
  if (body.stream !== true) {
    const content = [calls ? { ...block, input: args } : { ...block, text: delta.text }];
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ ...message, content, stop_reason }));
    return;
  }
  const events = [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage },
    { type: 'message_stop' },
  ];
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
}

function google(body, { tool, args }, url, response) {
  const offered = body.tools
    ?.flatMap(({ functionDeclarations = [] }) => functionDeclarations)
    .find(({ name }) => name.endsWith(tool));
  const results = body.contents?.flatMap(({ parts }) => parts).filter((part) => part.functionResponse) ?? [];
  const part =
    offered !== undefined && results.length === 0
      ? { functionCall: { name: offered.name, args } }
      : { text: JSON.stringify(results.at(-1)?.functionResponse.response ?? 'no tool') };
  const answer = {
    candidates: [{ index: 0, content: { role: 'model', parts: [part] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  };
  const streams = url.includes(':stream');
  response.writeHead(200, { 'Content-Type': streams ? 'text/event-stream' : 'application/json' });
  response.end(streams ? `data: ${JSON.stringify(answer)}\n\n` : JSON.stringify(answer));
}
