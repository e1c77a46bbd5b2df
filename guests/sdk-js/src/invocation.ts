// Calls of other apps: Dapr's service invocation.
import type { Request, Response } from 'pillion:dapr/types@0.1.0';
import { invoke as call } from 'pillion:dapr/invocation@0.1.0';
import { type Data, bytes } from './bytes.ts';
import { ask } from './error.ts';

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
