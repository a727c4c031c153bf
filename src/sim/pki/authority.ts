import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { bits, boolean, integer, octets, oid, sequence, text, time, tlv } from './der.ts';

/** A certificate and its key, PEM. */
export interface PemPair {
  readonly crt: string;
  readonly key: string;
}

/** Who a client certificate is for, and for how long. */
export interface ClientWish {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Milliseconds. */
  readonly lifetime: number;
}

const usages = { keyCertSign: 0x04, digitalSignature: 0x80, keyEncipherment: 0x20, crlSign: 0x02 } as const;
const clientAuth = '1.3.6.1.5.5.7.3.2';
const serverAuth = '1.3.6.1.5.5.7.3.1';
const ed25519 = sequence(oid('1.3.101.112'));
/** PKCS#8 around the 32 bytes of an Ed25519 key (RFC 8410 section 7). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');
const tenYears = 10 * 365 * 24 * 3_600_000;
/** Talos lets certificates begin a little before now (pkg/kubeconfig allowedTimeSkew). */
const skew = 10_000;

/**
 * A certificate authority with an Ed25519 key, as Talos makes them. Keys come from the clock's randomness and the
 * signatures of Ed25519 from nothing else, so that a seeded clock gives the same certificates in every run.
 */
export class SimAuthority {
  readonly pem: PemPair;
  readonly #clock: Clock;
  readonly #key: KeyObject;
  readonly #name: Buffer;

  constructor(clock: Clock, organization: string) {
    this.#clock = clock;
    const seed = clock.random(32);
    this.#key = keyOf(seed);
    this.#name = nameOf(undefined, organization === '' ? [] : [organization]);
    const crt = this.#issue(this.#name, this.#key, tenYears, [
      extension('2.5.29.15', true, keyUsage(usages.digitalSignature | usages.keyCertSign)),
      extension('2.5.29.37', false, sequence(oid(serverAuth), oid(clientAuth))),
      extension('2.5.29.19', true, sequence(boolean(true))),
      extension('2.5.29.14', false, octets(keyId(this.#key))),
    ]);
    this.pem = { crt, key: keyPem('ED25519 PRIVATE KEY', seed) };
  }

  /** A certificate for clients only. The key has the label that every tool reads. */
  issueClient(wish: ClientWish): PemPair {
    const seed = this.#clock.random(32);
    const crt = this.#issue(nameOf(wish.commonName, wish.organizations), keyOf(seed), wish.lifetime, [
      extension('2.5.29.15', true, keyUsage(usages.digitalSignature | usages.keyEncipherment)),
      extension('2.5.29.37', false, sequence(oid(clientAuth))),
      extension('2.5.29.19', true, sequence()),
      extension('2.5.29.35', false, sequence(tlv(0x80, keyId(this.#key)))),
    ]);
    return { crt, key: keyPem('PRIVATE KEY', seed) };
  }

  /** A certificate for servers only, with these names and IPv4 addresses. */
  issueServer(names: readonly string[], lifetime: number): PemPair {
    const seed = this.#clock.random(32);
    const alternatives = names.map(name =>
      isIPv4(name) ? tlv(0x87, Buffer.from(name.split('.').map(Number))) : tlv(0x82, Buffer.from(name)),
    );
    const crt = this.#issue(nameOf(names[0], []), keyOf(seed), lifetime, [
      extension('2.5.29.15', true, keyUsage(usages.digitalSignature)),
      extension('2.5.29.37', false, sequence(oid(serverAuth))),
      extension('2.5.29.17', false, sequence(...alternatives)),
      extension('2.5.29.35', false, sequence(tlv(0x80, keyId(this.#key)))),
    ]);
    return { crt, key: keyPem('PRIVATE KEY', seed) };
  }

  #issue(subject: Buffer, key: KeyObject, lifetime: number, extensions: readonly Buffer[]): string {
    const now = this.#clock.now();
    const serial = this.#clock.random(16);
    serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
    const body = sequence(
      tlv(0xa0, integer(Buffer.of(2))),
      integer(serial),
      ed25519,
      this.#name,
      sequence(time(now - skew), time(now + lifetime)),
      subject,
      createPublicKey(key).export({ type: 'spki', format: 'der' }),
      tlv(0xa3, sequence(...extensions)),
    );
    return pem('CERTIFICATE', sequence(body, ed25519, bits(sign(null, body, this.#key))));
  }
}

/** RFC 7468, lines of 64. */
function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function keyOf(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}

function keyPem(label: string, seed: Buffer): string {
  return pem(label, Buffer.concat([pkcs8Head, seed]));
}

function nameOf(commonName: string | undefined, organizations: readonly string[]): Buffer {
  const part = (type: string, value: string): Buffer => tlv(0x31, sequence(oid(type), text(value)));
  return sequence(
    ...organizations.map(value => part('2.5.4.10', value)),
    ...(commonName === undefined ? [] : [part('2.5.4.3', commonName)]),
  );
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function keyUsage(mask: number): Buffer {
  const unused = 31 - Math.clz32(mask & -mask);
  return tlv(0x03, Buffer.of(unused, mask));
}

function keyId(key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return createHash('sha1').update(spki.subarray(-32)).digest();
}
