import { isObject } from '../../jsonrpc.ts';
import type { EraChoice } from '../../settings.ts';
import type { Discovery, RemoteSession, Reply } from './remote-session.ts';

/** How the server took what opens a conversation; undefined: that was not tried. */
export interface Opening {
  initialize?: Reply | undefined;
  discovery?: Discovery | undefined;
}

/**
 * Opens a conversation as a bridge would for a client of the legacy era: by `initialize`; in the modern form where that
 * is refused, and where a server that keeps no session is modern as well; and by the older transport at last (MCP
 * 2026-07-28, Streamable HTTP, Backward Compatibility).
 *
 * @param era `--era`
 * @param isModern whether the server has made itself known as modern already
 */
export async function openConversation(
  session: RemoteSession,
  era: EraChoice,
  isModern: boolean,
): Promise<Opening> {
  const isFirst = era === 'modern' || (era === 'auto' && isModern);
  let discovery = isFirst ? await session.discover() : undefined;
  if (discovery && (era === 'modern' || !isLegacy(discovery))) return { discovery };
  const initialize = await session.initialize();
  const isOpen = resultOf(initialize) !== undefined;
  const mayBeModern = isOpen ? !session.hasId : initialize.kind === 'answer';
  if (era === 'auto' && session.transport === 'http' && mayBeModern) {
    discovery ??= await session.discover();
    if (!isLegacy(discovery)) return { initialize, discovery };
  }
  if (isOpen) return { initialize, discovery };
  return { initialize: (await session.initializeOlder()) ?? initialize, discovery };
}

function isLegacy({ verdict }: Discovery): boolean {
  return verdict.era === 'legacy' || verdict.era === 'repair';
}

/** What a request was answered with, where that is no error. */
export function resultOf(reply: Reply | undefined): Record<string, unknown> | undefined {
  const result = reply?.kind === 'answer' ? reply.message.result : undefined;
  return isObject(result) ? result : undefined;
}
