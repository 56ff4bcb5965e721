import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempFolder } from './temp-folder.ts';

const openssl = 'openssl';

export interface Certificate {
  key: string;
  cert: string;
}

/** A private certification authority and the certificates it has issued, made with openssl. */
export class Authority {
  readonly #folder = makeTempFolder();
  /** The PEM file of the authority's own certificate. */
  readonly file = join(this.#folder, 'ca.pem');

  constructor(name = 'Test authority') {
    this.#openssl('req', '-x509', ...newKey('ca'), '-out', 'ca.pem', '-days', '2', '-subj', `/CN=${name}`);
  }

  /** A certificate for these names, such as `IP:127.0.0.1`; with `days` below zero it has expired. */
  issue(names: string[], days = 2): Certificate {
    const id = `leaf-${names.join('-').replaceAll(/\W/g, '_')}-${days}`;
    writeFileSync(
      join(this.#folder, `${id}.ext`),
      `subjectAltName=${names.join(',')}\nbasicConstraints=CA:FALSE\n`,
    );
    this.#openssl('req', '-new', ...newKey(id), '-out', `${id}.csr`, '-subj', '/CN=leaf');
    const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    const wanted = ['-extfile', `${id}.ext`, '-days', String(days)];
    this.#openssl('x509', '-req', '-in', `${id}.csr`, ...authority, ...wanted, '-out', `${id}.pem`);
    const read = (ending: string) => readFileSync(join(this.#folder, `${id}.${ending}`), 'utf8');
    return { key: read('key'), cert: read('pem') };
  }

  /** A certificate that no authority has issued but itself. */
  selfSigned(names: string[]): Certificate {
    const id = 'self-signed';
    const extension = [
      '-addext',
      `subjectAltName=${names.join(',')}`,
      '-addext',
      'basicConstraints=CA:FALSE',
    ];
    const subject = ['-days', '2', '-subj', '/CN=self'];
    this.#openssl('req', '-x509', ...newKey(id), '-out', `${id}.pem`, ...subject, ...extension);
    const read = (ending: string) => readFileSync(join(this.#folder, `${id}.${ending}`), 'utf8');
    return { key: read('key'), cert: read('pem') };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #openssl(...args: string[]): void {
    execFileSync(openssl, args, { cwd: this.#folder, stdio: 'pipe', timeout: 20_000 });
  }
}

function newKey(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
}
