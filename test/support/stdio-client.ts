import { onTestFinished } from 'vitest';
import { bridgeEnvironment, bridgeFile, type Environment } from './bridge-command.ts';

export interface StdioSetup<C> {
  args?: string[];
  env?: Environment;
  /** Runs before the connection is made: the place for request and notification handlers. */
  prepare?: (client: C) => void;
}

export interface Connected<C, T> {
  client: C;
  transport: T;
  /** What the bridge wrote to stderr so far. */
  stderr: () => string;
  /** What the client's own transport complained about, such as a line that is no message. */
  faults: Error[];
}

/** How a client of the SDK, of either version, starts the bridge in front of `url`. */
export function bridgeParameters(url: string, { args = [], env }: StdioSetup<never>) {
  return {
    command: process.execPath,
    args: [bridgeFile, url, ...args],
    env: bridgeEnvironment(env),
    stderr: 'pipe' as const,
    maxBufferSize: 256 * 1024 * 1024,
  };
}

interface SdkClient<T> {
  onerror?: ((error: Error) => void) | undefined;
  connect(transport: T, options: { timeout: number }): Promise<void>;
  close(): Promise<void>;
}

interface SdkTransport {
  readonly stderr: { on(event: 'data', listener: (chunk: Buffer) => void): unknown } | null;
}

/** Connects a client of the SDK for the running test, at the end of which it is closed. */
export async function connectOnStdio<C extends SdkClient<T>, T extends SdkTransport>(
  client: C,
  transport: T,
  prepare: ((client: C) => void) | undefined,
): Promise<Connected<C, T>> {
  let stderr = '';
  transport.stderr?.on('data', (chunk) => {
    stderr += chunk.toString();
  });
  const faults: Error[] = [];
  client.onerror = (error) => faults.push(error);
  prepare?.(client);
  onTestFinished(() => client.close());
  await client.connect(transport, { timeout: 15_000 });
  return { client, transport, stderr: () => stderr, faults };
}
