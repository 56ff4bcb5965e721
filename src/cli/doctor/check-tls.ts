import { DrawbridgeError } from '../../errors.ts';
import { withUnverifiedPeer } from '../../platform/unverified-peer.ts';
import { isLoopback } from '../../platform/url-policy.ts';
import { type CertificateFacts, certificateOf } from './certificate.ts';
import { reach } from './check-network.ts';
import type { Examination } from './examination.ts';
import { type Finding, fail, ok, warn } from './step.ts';

/** So long before its end a certificate is worth a word, in milliseconds. */
const SOON = 7 * 24 * 3_600_000;

/** Whether the server's certificate is trusted; if not, why, and whose it is. */
export async function checkTls(examination: Examination): Promise<Finding> {
  const { url, network } = examination.settings;
  if (url.protocol === 'http:') {
    if (isLoopback(url)) return ok('not used: the server is on this machine');
    return warn(
      'not used: whoever is on the way reads all of it',
      'plain-http',
      'use https, if the server has it',
    );
  }
  const own = ownAuthorities(examination);
  const reached = await reach(examination);
  if (reached instanceof DrawbridgeError && reached.reason === 'tls-untrusted') {
    const certificate = await withUnverifiedPeer(url, network, certificateOf);
    const code = String(reached.details.code ?? '');
    const facts = { code, ...(certificate && factsOf(certificate)), ownAuthorities: own };
    const trusted = own.length > 0 ? ` Trusted besides Node's own list: ${own.join(', ')}.` : '';
    const who = certificate ? ` ${sentenceOf(certificate)}` : '';
    const fix = fixOf(code, certificate, examination);
    return fail(`${reached.message}${who}${trusted}`, 'tls-untrusted', fix, facts);
  }
  if (reached instanceof DrawbridgeError || !reached.certificate)
    return ok('trusted', { ownAuthorities: own });
  const { certificate } = reached;
  const { protocol, issuer, validTo } = certificate;
  const facts = { ...factsOf(certificate), ownAuthorities: own };
  const besides = own.length > 0 ? `; trusted besides Node's own list: ${own.join(', ')}` : '';
  const text = `${protocol}, the certificate is by ${issuer} and valid until ${dayOf(validTo)}${besides}`;
  if (validTo - examination.now() > SOON) return ok(text, facts);
  return warn(text, 'certificate-ends', 'tell whoever runs the server that it has to be renewed', facts);
}

/** Where authorities come from that the user has added. */
function ownAuthorities({ settings: { network } }: Examination): string[] {
  return [
    ...(network.ca === undefined ? [] : ['--ca-file']),
    ...(network.env.NODE_EXTRA_CA_CERTS ? ['NODE_EXTRA_CA_CERTS'] : []),
  ];
}

function sentenceOf({ names, subject, issuer, validFrom, validTo }: CertificateFacts): string {
  const whose = names.length > 0 ? names.join(', ') : subject;
  return `It is for ${whose}, by ${issuer}, from ${dayOf(validFrom)} to ${dayOf(validTo)}.`;
}

function factsOf({
  names,
  validFrom,
  validTo,
  ...rest
}: CertificateFacts): Record<string, string | string[]> {
  return { ...rest, names, validFrom: dayOf(validFrom), validTo: dayOf(validTo) };
}

function fixOf(
  code: string,
  certificate: CertificateFacts | undefined,
  { settings, now }: Examination,
): string | undefined {
  const authority = certificate ? ` of “${certificate.issuer}”` : '';
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `tell whoever runs the server; or set this machine's clock, if today is not ${dayOf(now())}`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID': {
      const [name] = certificate?.names ?? [];
      return name === undefined || name.includes('*')
        ? 'use the host name that the certificate is for'
        : `use the host name that the certificate is for: https://${name}${settings.url.pathname}`;
    }
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return '--ca-file <that certificate, as PEM>, if it is really that of your server';
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'is it http://, or another port?';
    default:
      return `--ca-file <the certificate${authority}, as PEM>, if that is an authority of yours, such as a company's proxy`;
  }
}

function dayOf(time: number): string {
  return Number.isNaN(time) ? 'an unknown day' : new Date(time).toISOString().slice(0, 10);
}
