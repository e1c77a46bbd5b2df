/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/bindings@0.1.0' {
  /**
   * Asks a binding to do something: `create`, `get`, `delete`, `list`, or a word of the component's own.
   * `POST /v1.0/bindings/{binding}`.
   */
  export function invoke(binding: string, operation: string, data: Uint8Array, metadata: Metadata): Answer;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  /**
   * What a binding answered.
   */
  export interface Answer {
    data: Uint8Array,
    metadata: Metadata,
  }
}
