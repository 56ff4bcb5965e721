import { beforeAll, describe, expect, test } from 'vitest';
import { runDoctor } from '../support/doctor.ts';
import { startFakeRemote } from '../support/fake-remote.ts';
import { freePort } from '../support/free-port.ts';
import { hasOpenssl, hasTinyproxy } from '../support/prerequisites.ts';
import { startProxy } from '../support/proxy.ts';
import { Authority, type Certificate } from '../support/tls.ts';

const names = ['IP:127.0.0.1', 'DNS:localhost'];

describe('doctor on the way to a server', () => {
  test('names a host that nobody knows', async () => {
    const { code, step, those } = await runDoctor('https://no-such-host.invalid/mcp?key=1');
    expect(code).toBe(3);
    expect(step('name')).toMatchObject({ status: 'fail', reason: 'unreachable' });
    expect(step('name').text).toMatch(/no-such-host\.invalid.*name/);
    expect(those('fail')).toEqual(['name']);
    expect(step('initialize')).toMatchObject({ status: 'skip', text: 'because “Name” has failed' });
  });

  test('names a port on which nothing listens', async () => {
    const port = await freePort();
    const { code, step, those } = await runDoctor(`http://127.0.0.1:${port}/mcp`);
    expect(code).toBe(3);
    expect(those('fail')).toEqual(['connection']);
    expect(step('connection').text).toContain('refused');
    expect(step('connection').fix).toContain(String(port));
  });

  test.each([
    [-3 * 3_600_000, /3 h behind/],
    [3 * 86_400_000, /3 days ahead of/],
  ])("names a clock that is %i ms off the server's", async (off, text) => {
    const gate = ({ response }: { response: { setHeader(name: string, value: string): void } }) => {
      response.setHeader('Date', new Date(Date.now() - off).toUTCString());
      return false;
    };
    const { url } = await startFakeRemote({ gate });
    const { code, step } = await runDoctor(url);
    expect(step('clock')).toMatchObject({ status: 'warn', reason: 'clock-skew' });
    expect(step('clock').text).toMatch(text);
    expect(step('clock').fix).toContain('NTP');
    expect(code).toBe(0);
  });

  test('says where the endpoint redirects to', async () => {
    const remote = await startFakeRemote();
    remote.on('POST', (exchange) => exchange.redirect(302, 'https://login.example.com/portal?token=1'));
    const { code, step } = await runDoctor(remote.url);
    expect(code).toBe(3);
    expect(step('endpoint')).toMatchObject({ status: 'fail', reason: 'redirect-refused' });
    expect(step('endpoint').text).toContain('https://login.example.com');
  });
});

describe.skipIf(!hasOpenssl)('doctor and certificates', () => {
  let authority: Authority;
  let good: Certificate;

  beforeAll(() => {
    authority = new Authority('Acme inspection');
    good = authority.issue(names);
    return () => authority.close();
  });

  const examine = async (tls: Certificate, args: string[] = [], host = '127.0.0.1') => {
    const remote = await startFakeRemote({ tls });
    const report = await runDoctor(`https://${host}:${remote.port}/mcp`, { args });
    return { ...report, remote };
  };

  test('trusts what --ca-file names, and says so', async () => {
    const { code, step } = await examine(good, ['--ca-file', authority.file]);
    expect(code).toBe(0);
    expect(step('tls').text).toMatch(/TLSv1\.3, .*Acme inspection.*--ca-file/);
    expect(step('initialize').status).toBe('ok');
  });

  test('warns of a certificate that ends soon', async () => {
    const { step } = await examine(good, ['--ca-file', authority.file]);
    expect(step('tls')).toMatchObject({ status: 'warn', reason: 'certificate-ends' });
  });

  test('names an authority that is not trusted, and how to trust it', async () => {
    const { code, step, those, remote } = await examine(good);
    expect(code).toBe(3);
    expect(those('fail')).toEqual(['tls']);
    expect(step('tls').text).toMatch(/authority.*Acme inspection/);
    expect(step('tls').fix).toMatch(/--ca-file .*Acme inspection/);
    expect(step('connection').status).toBe('ok');
    // To look at it takes no request.
    expect(remote.requests).toEqual([]);
  });

  test('names a certificate that has expired, and when', async () => {
    const { step } = await examine(authority.issue(names, -1), ['--ca-file', authority.file]);
    expect(step('tls')).toMatchObject({ status: 'fail', facts: { code: 'CERT_HAS_EXPIRED' } });
    expect(step('tls').text).toMatch(/expired.*to \d{4}-\d\d-\d\d/);
    expect(step('tls').fix).toContain('clock');
  });

  test('names a certificate for another host, and whose it is', async () => {
    const { step } = await examine(authority.issue(['DNS:elsewhere.example']), ['--ca-file', authority.file]);
    expect(step('tls')).toMatchObject({ status: 'fail', facts: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
    expect(step('tls').text).toMatch(/another host name.*elsewhere\.example/);
    expect(step('tls').fix).toContain('https://elsewhere.example/mcp');
  });

  test('names a certificate that has signed itself', async () => {
    const { step } = await examine(authority.selfSigned(names));
    expect(step('tls')).toMatchObject({ status: 'fail', facts: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
    expect(step('tls').text).toContain('self-signed');
    expect(step('tls').fix).toContain('--ca-file');
  });

  test('says that a server does not speak TLS', async () => {
    const remote = await startFakeRemote();
    const { code, step } = await runDoctor(`https://127.0.0.1:${remote.port}/mcp`);
    expect(code).toBe(3);
    expect(step('tls')).toMatchObject({ status: 'fail', reason: 'tls-untrusted' });
    expect(step('tls').text).toContain('does not speak TLS');
  });

  test.skipIf(!hasTinyproxy)('sees through a proxy who is not trusted', async () => {
    const remote = await startFakeRemote({ tls: good });
    const proxy = await startProxy();
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const { step } = await runDoctor(remote.url, { env });
    expect(step('proxy').text).toContain(`127.0.0.1:${proxy.port}`);
    expect(step('tls').text).toContain('Acme inspection');
    expect(step('tls').status).toBe('fail');
  });
});

describe('doctor and a proxy', () => {
  const secrets = ['canary-proxy-password'];

  test('names one that is dead, without its credentials', async () => {
    const remote = await startFakeRemote();
    const port = await freePort();
    const env = { HTTP_PROXY: `http://ada:canary-proxy-password@127.0.0.1:${port}` };
    const { code, step, those } = await runDoctor(remote.url, { env, secrets });
    expect(code).toBe(3);
    expect(those('fail')).toEqual(['proxy']);
    expect(step('proxy')).toMatchObject({ reason: 'proxy-failed' });
    expect(step('proxy').text).toMatch(new RegExp(`proxy 127\\.0\\.0\\.1:${port}.*refused`));
    expect(step('proxy').fix).toMatch(/HTTP_PROXY.*NO_PROXY/);
  });

  test.skipIf(!hasTinyproxy)('names one that wants a password', async () => {
    const remote = await startFakeRemote();
    const proxy = await startProxy({ user: 'ada', password: 'canary-proxy-password' });
    const env = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` };
    const { code, step } = await runDoctor(remote.url, { env });
    expect(code).toBe(3);
    expect(step('proxy')).toMatchObject({ status: 'fail', reason: 'proxy-failed' });
    expect(step('proxy').text).toContain('407');
    expect(step('proxy').fix).toContain('user:password@');

    const known = { HTTP_PROXY: `http://ada:canary-proxy-password@127.0.0.1:${proxy.port}` };
    const second = await runDoctor(remote.url, { env: known, secrets });
    expect(second.code).toBe(0);
    expect(second.step('proxy')).toMatchObject({ status: 'ok', facts: { proxy: `127.0.0.1:${proxy.port}` } });
    expect(second.step('name').text).toContain('proxy');
  });

  test('names a variable that holds no URL', async () => {
    const remote = await startFakeRemote();
    const { code, step } = await runDoctor(remote.url, { env: { HTTP_PROXY: 'ftp://127.0.0.1:1' } });
    expect(code).toBe(3);
    expect(step('proxy')).toMatchObject({ status: 'fail', reason: 'proxy-failed' });
  });

  test('says that one is not used for this host', async () => {
    const remote = await startFakeRemote();
    const env = { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '127.0.0.1' };
    const { code, step } = await runDoctor(remote.url, { env });
    expect(code).toBe(0);
    expect(step('proxy').text).toContain('HTTP_PROXY is set');
  });
});
