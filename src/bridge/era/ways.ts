import type { RemoteSink, RemoteTransport, TransportOptions } from '../../remote/transport.ts';
import type { Settings } from '../../settings.ts';
import type { LegacyClientTranslation } from './legacy-client.ts';
import type { ModernFace, ModernFaceOptions } from './modern-face.ts';

/** What every way to the remote is made from. */
export interface WayOptions {
  /** Makes the transport that a legacy conversation begins with. */
  createTransport: (options: TransportOptions) => RemoteTransport;
  transport: TransportOptions;
  settings: Settings;
  newId: () => string;
}

/** Makes what speaks to a modern server in a legacy client's name. Loaded with the first server that wants it. */
export async function createTranslation(ways: WayOptions): Promise<LegacyClientTranslation> {
  const [{ LegacyClientTranslation }, { ModernHttp }] = await Promise.all([
    import('./legacy-client.ts'),
    import('../../remote/modern-http.ts'),
  ]);
  const { transport, settings, newId } = ways;
  return new LegacyClientTranslation({
    createRemote: (sink: RemoteSink) => new ModernHttp({ ...transport, sink, newId }),
    sink: transport.sink,
    host: settings.url.host,
    newId,
    log: transport.log,
  });
}

/** Makes what a modern client sees. Loaded with the first message of one. */
export async function createModernFace(
  ways: WayOptions,
  options: Omit<ModernFaceOptions, 'createHttp' | 'createTranslation' | 'newId'>,
): Promise<ModernFace> {
  const [{ ModernFace }, { ModernHttp }] = await Promise.all([
    import('./modern-face.ts'),
    import('../../remote/modern-http.ts'),
  ]);
  const { createTransport, transport, settings, newId } = ways;
  return new ModernFace({
    ...options,
    newId,
    createHttp: (sink) => new ModernHttp({ ...transport, sink, newId }),
    createTranslation: async (sink) => {
      const { ModernClientTranslation } = await import('./modern-client.ts');
      const { sink: _, ...transportOptions } = transport;
      return new ModernClientTranslation({
        createTransport,
        transportOptions,
        sink,
        settings,
        newId,
        log: transport.log,
      });
    },
  });
}
