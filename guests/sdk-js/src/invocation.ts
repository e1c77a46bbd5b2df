// Calls of other apps: Dapr's service invocation.
import type { Request, Response } from 'pillion:dapr/types@0.1.0';
import { failure, invoke as call, invokeStreaming as begin } from 'pillion:dapr/invocation@0.1.0';
import type { InputStream, OutputStream, StreamingCall } from 'pillion:dapr/invocation@0.1.0';
import { type Data, bytes } from './bytes.ts';
import { DaprError, ask } from './error.ts';

/** A request to another app; by default a GET, or a POST where it has a body. */
export interface InvokeOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: Data;
}

export function invoke(appId: string, path: string, options: InvokeOptions = {}): Response {
  const { body, method = body === undefined ? 'GET' : 'POST', headers = {} } = options;
  const request: Request = {
    method,
    path,
    headers: Object.entries(headers).map(([name, value]) => [name, bytes(value)]),
    body: body === undefined ? new Uint8Array() : bytes(body),
  };
  return ask(() => call(appId, request));
}

/** Bytes of one read, and the most of one write. */
const PIECE = 65536;

/** What an app answers while it may still read: its body is to be iterated, piece by piece. */
export interface StreamedResponse {
  status: number;
  headers: [string, Uint8Array][];
  body: Iterable<Uint8Array>;
}

/** A call whose bodies stream. */
export class Call {
  readonly #call: StreamingCall;
  #upload: OutputStream | undefined;

  constructor(call: StreamingCall) {
    this.#call = call;
    this.#upload = call.body();
  }

  /** Writes a part of the request's body; waits while the app doesn't read. */
  write(data: Data): void {
    const upload = this.#upload;
    if (!upload) throw new TypeError('the request has no body, or it is finished');
    let rest = bytes(data);
    streaming(() => {
      while (rest.length > 0) {
        const room = Number(upload.checkWrite());
        if (room === 0) upload.subscribe().block();
        const part = rest.subarray(0, Math.min(room, PIECE));
        if (part.length > 0) upload.write(part);
        rest = rest.subarray(part.length);
      }
    });
  }

  /** Ends the request's body: only now is it whole. */
  finish(): void {
    this.#upload = undefined;
    ask(() => this.#call.finish());
  }

  /** Waits for the answer's head; once. */
  response(): StreamedResponse {
    const { status, headers, body } = ask(() => this.#call.response());
    return { status, headers, body: pieces(body) };
  }
}

/** Begins a call with bodies that stream both ways; a request without a body is whole at once. */
export function invokeStreaming(
  appId: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; hasBody?: boolean } = {},
): Call {
  const { hasBody = false, method = hasBody ? 'POST' : 'GET', headers = {} } = options;
  const pairs = Object.entries(headers).map(([name, value]): [string, Uint8Array] => [name, bytes(value)]);
  return new Call(ask(() => begin(appId, { method, path, headers: pairs }, hasBody)));
}

function* pieces(body: InputStream): Generator<Uint8Array> {
  for (;;) {
    const piece = streaming(() => body.blockingRead(BigInt(PIECE)), true);
    if (!piece) return;
    yield piece;
  }
}

/** Dapr's error of a stream is thrown; the end is none, if it may be. */
function streaming<T>(use: () => T, mayEnd = false): T | undefined {
  try {
    return use();
  } catch (thrown) {
    const payload = (thrown as { payload?: { tag?: string; val?: Parameters<typeof failure>[0] } }).payload;
    if (payload?.tag === 'closed' && mayEnd) return undefined;
    const error = payload?.val && failure(payload.val);
    throw error ? new DaprError(error) : thrown;
  }
}
