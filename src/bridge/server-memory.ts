/** What a server said in answer to `initialize`, as it came: `protocolVersion`, `capabilities`, `serverInfo` … */
export type RememberedServer = Readonly<Record<string, unknown>>;

/** Keeps a server's answer to `initialize`, for the time when it can't be asked because nobody is signed in. */
export interface ServerMemory {
  read(): RememberedServer | undefined;
  remember(result: RememberedServer): void;
}
