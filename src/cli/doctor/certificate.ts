import type { PeerCertificate, TLSSocket } from 'node:tls';
import { displayText } from '../../errors.ts';

/** What a server's certificate says, fit to be shown. */
export interface CertificateFacts {
  /** Such as `TLSv1.3`. */
  protocol: string;
  subject: string;
  /** The names that it is for, the first few. */
  names: string[];
  issuer: string;
  /** Epoch milliseconds. */
  validFrom: number;
  validTo: number;
}

const MAX_NAMES = 4;

/** The certificate on a connection; undefined where it is none of TLS, or is closed. */
export function certificateOf(socket: unknown): CertificateFacts | undefined {
  const { getPeerCertificate, getProtocol } = (socket ?? {}) as Partial<TLSSocket>;
  if (!getPeerCertificate || !getProtocol) return undefined;
  const certificate = getPeerCertificate.call(socket as TLSSocket);
  return certificate?.subject && describe(certificate, getProtocol.call(socket as TLSSocket) ?? 'TLS');
}

function describe(
  { subject, issuer, subjectaltname = '', valid_from, valid_to }: PeerCertificate,
  protocol: string,
): CertificateFacts {
  const names = subjectaltname.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
  return {
    protocol,
    subject: nameOf(subject),
    names: names
      .filter(Boolean)
      .slice(0, MAX_NAMES)
      .map((name) => displayText(name, 80)),
    issuer: nameOf(issuer),
    validFrom: Date.parse(valid_from),
    validTo: Date.parse(valid_to),
  };
}

/** Organization and common name, as far as there are. */
function nameOf(name: PeerCertificate['subject'] | undefined): string {
  const parts = [name?.O, name?.CN].flatMap((part) => (Array.isArray(part) ? part : [part]));
  return displayText(parts.filter(Boolean).join(', '), 100) || 'nobody';
}
