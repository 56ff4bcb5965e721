import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  ElicitRequestSchema,
  ErrorCode,
  McpError,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { displayText } from '../../errors.ts';
import { version } from '../../version.ts';

export interface DemoClientSetup {
  /** The MCP server's URL. */
  url: string;
  env: Record<string, string>;
  /**
   * Takes the link that the bridge hands over (URL-mode elicitation, MCP 2025-11-25); where it gives false, the client
   * says that it can't open it, and the bridge opens a browser.
   */
  onLink?: (link: string) => boolean;
}

/** A local MCP client as any other: the official SDK's, in front of a bridge process of its own. */
export class DemoClient {
  readonly #client: Client;
  readonly #transport: StdioClientTransport;
  #onListChanged: () => void = () => {};

  constructor({ url, env, onLink }: DemoClientSetup) {
    this.#transport = new StdioClientTransport({
      command: process.execPath,
      args: [process.argv[1] as string, url],
      env,
      stderr: 'inherit',
    });
    const capabilities = onLink ? { elicitation: { url: {} } } : {};
    this.#client = new Client({ name: 'drawbridge-demo-client', version }, { capabilities });
    this.#client.setNotificationHandler(ToolListChangedNotificationSchema, () => this.#onListChanged());
    if (onLink) {
      this.#client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        if (params.mode !== 'url' || !onLink(params.url))
          throw new McpError(ErrorCode.InternalError, 'The link was not opened');
        return { action: 'accept' };
      });
    }
  }

  connect(): Promise<void> {
    return this.#client.connect(this.#transport);
  }

  /** The names of the tools, as soon as `name` is among them: until the sign-in is done, the bridge shows others. */
  async toolsWith(name: string): Promise<string[]> {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        this.#onListChanged = resolve;
        // A notification may have come while the list was on its way.
        setTimeout(resolve, 500).unref();
      });
      const names = (await this.#client.listTools()).tools.map((tool) => tool.name);
      if (names.includes(name)) return names;
      await changed;
    }
  }

  /** @returns the text of the tool's result */
  async greet(name: string): Promise<string> {
    const { content, isError } = await this.#client.callTool({ name: 'greet', arguments: { name } });
    const text = (content as { text?: string }[])[0]?.text ?? '';
    if (isError) throw new Error(displayText(text, 400));
    return text;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
