/// <reference path="./pillion-dapr-types.d.ts" />
/// <reference path="./wasi-io-error.d.ts" />
/// <reference path="./wasi-io-poll.d.ts" />
/// <reference path="./wasi-io-streams.d.ts" />
declare module 'pillion:dapr/invocation@0.1.0' {
  /**
   * Calls an app by its id, or an HTTPEndpoint by its name. Whatever status it answers is a success of the call.
   * `ANY /v1.0/invoke/{app-id}/method/{path}`.
   */
  export function invoke(appId: string, request: Request): Response;
  /**
   * Begins such a call with bodies that stream both ways; it lasts at most until the deadline of the guest's own call.
   * Without a body the request is whole at once. That the call is denied, or fails, is learned from `response`.
   */
  export function invokeStreaming(appId: string, request: RequestHead, hasBody: boolean): StreamingCall;
  /**
   * Dapr's error behind that of a stream of this package; none if it is one of another stream.
   */
  export function failure(error: IoError): Error | undefined;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Header = import('pillion:dapr/types@0.1.0').Header;
  export type Request = import('pillion:dapr/types@0.1.0').Request;
  export type Response = import('pillion:dapr/types@0.1.0').Response;
  export type IoError = import('wasi:io/error@0.2.0').Error;
  export type Pollable = import('wasi:io/poll@0.2.0').Pollable;
  export type InputStream = import('wasi:io/streams@0.2.0').InputStream;
  export type OutputStream = import('wasi:io/streams@0.2.0').OutputStream;
  /**
   * A request without its body.
   */
  export interface RequestHead {
    /**
     * `GET`, `POST` and so on.
     */
    method: string,
    /**
     * Below the app's root, with the query: `/orders?state=open`.
     */
    path: string,
    headers: Array<Header>,
  }
  /**
   * What an app answered, its body as it comes.
   */
  export interface StreamingResponse {
    status: number,
    headers: Array<Header>,
    /**
     * Ends with `closed` when it was whole, and with `last-operation-failed` where it broke off; `failure` says why.
     * Dropped, nobody reads the rest, and the app learns it.
     */
    body: InputStream,
  }
  
  export class StreamingCall implements Disposable {
    /**
     * This type does not have a public constructor.
     */
    private constructor();
    /**
    * The request's body, to be written while the app reads it; once, and none where the request has no body. `closed`
    * says that the app reads no more: its answer says why.
    */
    body(): OutputStream | undefined;
    /**
    * Ends the request's body: only now is it whole. The stream takes nothing any more. An error if it has ended before,
    * or went over its limit.
    */
    finish(): void;
    /**
    * Ready when `response` doesn't have to wait.
    */
    subscribe(): Pollable;
    /**
    * Waits for the answer's head; once. The app may answer before the request's body is at its end. Whatever status it
    * answers is a success of the call.
    */
    response(): StreamingResponse;
    [Symbol.dispose](): void;
  }
}
