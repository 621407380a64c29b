//! Share links: the whole session in the fragment of the address, which no browser sends to a
//! server.
//!
//! `#backstop=1.d.CHECKSUM.PAYLOAD`: the version of the format; `d` for compressed (deflate) JSON or
//! `j` for plain; the FNV-1a hash of the payload in hex; the payload in base64url.

import { ShapeError } from './schema';
import type { Session } from './session';
import { fromData, toData } from './session';

const PREFIX = 'backstop=';
const FORMAT = 1;

/** A link unfolds to no more than this many bytes: a small one must not fill the memory. */
const LARGEST = 4 * 1024 * 1024;

export type LinkCode = 'link-damaged' | 'link-foreign' | 'link-invalid' | 'link-too-large' | 'link-too-new';

/** A link that cannot be opened. */
export class LinkError extends Error {
  override name = 'LinkError';
  readonly code: LinkCode;

  constructor(code: LinkCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Returns the fragment that carries the session, without `#`. */
export async function write(session: Session): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(toData(session)));
  const packed = typeof CompressionStream === 'undefined' ? null : await deflate(bytes);
  const payload = base64(packed ?? bytes);
  return `${PREFIX}${FORMAT}.${packed === null ? 'j' : 'd'}.${checksum(payload)}.${payload}`;
}

/**
 * Returns the session that a link carries; null if the link has no fragment.
 *
 * Throws a `LinkError`: then nothing of the link was used.
 */
export async function read(link: string): Promise<Session | null> {
  const hash = link.indexOf('#');
  const fragment = hash < 0 ? '' : link.slice(hash + 1).trim();
  if (fragment === '') return null;
  if (!fragment.startsWith(PREFIX)) {
    throw new LinkError('link-foreign', 'what follows the `#` is not from this page; a share link begins with `#backstop=`');
  }
  const [format = '', packing, sum, payload, ...more] = fragment.slice(PREFIX.length).split('.');
  if (!/^\d{1,9}$/.test(format) || Number(format) === 0) {
    throw new LinkError('link-damaged', `the version of its format is \`${format.slice(0, 20)}\`, which is not a number; copy the link again`);
  }
  if (Number(format) > FORMAT) {
    throw new LinkError('link-too-new', `it has format ${format}, and this page reads ${FORMAT}; open it with a newer page`);
  }
  if (payload === undefined || more.length > 0 || checksum(payload) !== sum) {
    throw new LinkError('link-damaged', 'a part of it is missing or was changed; copy the whole link again');
  }
  const data = await unpack(packing, payload);
  try {
    return await fromData(data);
  } catch (error) {
    if (error instanceof ShapeError) throw new LinkError('link-invalid', `it carries something else than a state of this page: ${error.message}`);
    throw error;
  }
}

async function unpack(packing: string | undefined, payload: string): Promise<unknown> {
  try {
    const bytes = unbase64(payload);
    if (packing !== 'd' && packing !== 'j') throw new Error('it is packed in a way that is not known');
    const plain = packing === 'd' ? await inflate(bytes) : bytes;
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain));
  } catch (error) {
    if (error instanceof LinkError) throw error;
    throw new LinkError('link-damaged', `it cannot be unpacked: ${(error as Error).message}`);
  }
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof DecompressionStream === 'undefined') {
    throw new Error('this browser cannot unpack a compressed link');
  }
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    length += value.length;
    if (length > LARGEST) {
      await reader.cancel();
      throw new LinkError('link-too-large', `it unfolds to more than ${LARGEST} bytes`);
    }
    parts.push(value as Uint8Array<ArrayBuffer>);
  }
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function unbase64(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[\w-]*$/.test(text)) throw new Error('it has characters that no link has');
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** The 32-bit FNV-1a hash of the text: what was cut or mistyped does not pass. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
