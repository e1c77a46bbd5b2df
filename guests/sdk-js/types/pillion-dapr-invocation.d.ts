/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/invocation@0.1.0' {
  /**
   * Calls an app by its id, or an HTTPEndpoint by its name. Whatever status it answers is a success of the call.
   * `ANY /v1.0/invoke/{app-id}/method/{path}`.
   */
  export function invoke(appId: string, request: Request): Response;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Request = import('pillion:dapr/types@0.1.0').Request;
  export type Response = import('pillion:dapr/types@0.1.0').Response;
}
