// What guests and building blocks hand each other is bytes: these make them and read them.

/** A text is sent as UTF-8, bytes as they are, anything else as JSON. */
export type Data = Uint8Array | string | object | number | boolean | null;

export function bytes(data: Data): Uint8Array {
  if (isBytes(data)) return data;
  return new TextEncoder().encode(typeof data === 'string' ? data : JSON.stringify(data));
}

/** Bytes that the host made are of a `Uint8Array` of its own. */
export function isBytes(data: unknown): data is Uint8Array {
  return ArrayBuffer.isView(data);
}

/** Bytes as UTF-8; throws where they aren't. */
export function text(data: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(data);
}

/** Bytes as JSON; throws where they aren't. */
export function json<T = any>(data: Uint8Array): T {
  return JSON.parse(text(data));
}
