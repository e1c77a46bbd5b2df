// Requests to the app: `export const invocationHandler = http.handler((request) => http.text(200, 'hello'))`.
import type { Request, Response } from 'pillion:dapr/types@0.1.0';
import { type Data, bytes, isBytes, text as read } from './bytes.ts';
import { handler as made } from './error.ts';

export type { Request, Response };

/** Answers requests. */
export function handler(handle: (request: Request) => Response | Promise<Response>) {
  return made(handle, (response) => response);
}

/** The path without the query. */
export function route(request: Request): string {
  return request.path.split('?')[0];
}

/** The first header of this name. */
export function header(request: Request, name: string): string | undefined {
  const found = request.headers.find(([header]) => header.toLowerCase() === name.toLowerCase());
  return found && read(found[1]);
}

/** An answer of text. */
export function text(status: number, body: string): Response {
  return respond(status, 'text/plain; charset=utf-8', body);
}

/** An answer of JSON: any value, or bytes that are JSON already. */
export function json(status: number, body: Data): Response {
  return respond(status, 'application/json', isBytes(body) ? body : JSON.stringify(body));
}

function respond(status: number, contentType: string, body: Data): Response {
  return { status, headers: [['content-type', bytes(contentType)]], body: bytes(body) };
}
