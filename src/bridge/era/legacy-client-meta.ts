import { removeMembers, setMember } from '../../json-edit.ts';
import { findMember, replaceAt } from '../../json-text.ts';
import { isObject } from '../../jsonrpc.ts';
import { isLegacyRevision, LATEST_LEGACY, metaKeys, metaOf } from '../../revisions.ts';
import { asciiJson } from './legacy-client-bytes.ts';
import { isWithheldExtension, knows } from './legacy-client-tables.ts';

/** The keys of `_meta` that a legacy client has no right to. */
const reserved: ReadonlySet<string> = new Set(Object.values(metaKeys));

/** What a client said of itself in `initialize`: it says so once, and a modern server is to hear it with each request. */
export class ClientSelf {
  /** The revision that is agreed with the client. */
  readonly revision: string;
  /** What of its capabilities the server is told, parsed. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly #clientInfo: string | undefined;
  readonly #capabilities: string;

  /**
   * @param initialize the request, JSON; undefined where there was none
   * @param revision what was agreed; undefined: the client's own, where the bridge knows it, else the latest of the era
   */
  constructor(initialize: string | undefined, revision?: string) {
    const params =
      initialize === undefined ? {} : ((JSON.parse(initialize) as { params?: unknown }).params ?? {});
    const { protocolVersion, clientInfo, capabilities } = isObject(params) ? params : {};
    this.revision = revision ?? (isLegacyRevision(protocolVersion) ? protocolVersion : LATEST_LEGACY);
    this.#clientInfo = isObject(clientInfo) ? memberText(initialize, 'params', 'clientInfo') : undefined;
    this.#capabilities = isObject(capabilities)
      ? declared(memberText(initialize, 'params', 'capabilities') ?? '{}', capabilities, this.revision)
      : '{}';
    this.capabilities = JSON.parse(this.#capabilities) as Record<string, unknown>;
  }

  /** @returns the `_meta` of each request: its members as JSON and parsed */
  meta(version: string, logLevel: string | undefined): RequestMeta {
    const all: [string, string | undefined][] = [
      [metaKeys.protocolVersion, JSON.stringify(version)],
      [metaKeys.clientInfo, this.#clientInfo],
      [metaKeys.clientCapabilities, this.#capabilities],
      [metaKeys.logLevel, logLevel && JSON.stringify(logLevel)],
    ];
    const given = all.filter(([, json]) => json !== undefined);
    return new RequestMeta(asciiJson(given.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')));
  }
}

/** What stands in `params._meta` of each request, made once. */
export class RequestMeta {
  /** The members, JSON in ASCII without the braces. */
  readonly json: string;
  readonly #parsed: Readonly<Record<string, unknown>>;

  constructor(json: string) {
    this.json = json;
    this.#parsed = JSON.parse(`{${json}}`) as Record<string, unknown>;
  }

  /**
   * Puts it into a message, in place of what the client wrote under the same keys; everything else stays as it is.
   *
   * @param text JSON of the message
   * @param params its `params`, parsed
   */
  into(text: string, params: unknown): string {
    const { json } = this;
    const span = findMember(text, 'params');
    if (!span) return setMember(text, ['params'], `{"_meta":{${json}}}`);
    if (!isObject(params)) return text;
    const { _meta } = params;
    if (_meta === undefined)
      return insertAt(text, span.start, `"_meta":{${json}}`, Object.keys(params).length === 0);
    if (!isObject(_meta)) return setMember(text, ['params', '_meta'], `{${json}}`);
    const keys = Object.keys(_meta);
    const own = keys.filter((key) => reserved.has(key)).length;
    const clean = own === 0 ? text : removeMembers(text, ['params', '_meta'], (key) => reserved.has(key));
    const meta = findMember(clean, 'params', '_meta');
    return meta ? insertAt(clean, meta.start, json, keys.length === own) : clean;
  }

  /** The same for parsed parameters, by which a transport makes its headers. */
  params(params: unknown): Record<string, unknown> {
    const own = Object.entries(metaOf(params)).filter(([key]) => !reserved.has(key));
    return { ...(isObject(params) && params), _meta: { ...Object.fromEntries(own), ...this.#parsed } };
  }
}

function insertAt(text: string, brace: number, member: string, isEmpty: boolean): string {
  const at = brace + 1;
  return replaceAt(text, { start: at, end: at }, isEmpty ? member : `${member},`);
}

function memberText(text: string | undefined, ...path: string[]): string | undefined {
  const span = text === undefined ? undefined : findMember(text, ...path);
  return span && text?.slice(span.start, span.end);
}

/**
 * The client's capabilities as a modern server is to know them: what the bridge or the revision of the client can't
 * honour is left out, since the server would ask for it and get nothing.
 */
function declared(text: string, capabilities: Record<string, unknown>, revision: string): string {
  const { roots, sampling, elicitation, extensions } = capabilities;
  const dropsElicitation = elicitation !== undefined && !knows(revision, 'elicitation');
  let json = removeMembers(text, [], (key) => key === 'tasks' || (key === 'elicitation' && dropsElicitation));
  // `listChanged` is gone; roots are asked for when they are needed.
  if (isObject(roots) && Object.keys(roots).length > 0) json = setMember(json, ['roots'], '{}');
  if (isObject(elicitation) && !dropsElicitation && !knows(revision, 'elicitation.url'))
    json = setMember(json, ['elicitation'], '{}');
  if (isObject(sampling) && !knows(revision, 'sampling.tools'))
    json = removeMembers(json, ['sampling'], (key) => key === 'tools');
  if (isObject(extensions)) json = removeMembers(json, ['extensions'], isWithheldExtension);
  return json;
}
