/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/invocation-handler@0.1.0' {
  /**
   * Answers a request. Its body has at most `limits.request` bytes, that of the answer at most `limits.response`. The
   * app that calls is in the header `dapr-caller-app-id`. An error goes to the log, and the caller gets status 500.
   */
  export function handle(request: Request): Response;
  export type Request = import('pillion:dapr/types@0.1.0').Request;
  export type Response = import('pillion:dapr/types@0.1.0').Response;
}
