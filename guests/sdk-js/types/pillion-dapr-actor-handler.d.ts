/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/actor-handler@0.1.0' {
  /**
   * The actor gets its first turn; an error fails that turn, and there is no actor.
   */
  export function activate(actor: Actor): void;
  /**
   * A method is called; one call at a time for each actor.
   */
  export function invoke(actor: Actor, method: string, data: Uint8Array, metadata: Metadata): Uint8Array;
  /**
   * A timer is due. Its data is JSON, or nothing.
   */
  export function timer(actor: Actor, name: string, callback: string, data: Uint8Array): void;
  /**
   * A reminder is due. Its data is JSON, or nothing. An error is a failed try.
   */
  export function reminder(actor: Actor, name: string, data: Uint8Array): void;
  /**
   * The actor was idle for long, moves, or the app ends. Its instance is gone whatever this answers.
   */
  export function deactivate(actor: Actor): void;
  export type Actor = import('pillion:dapr/types@0.1.0').Actor;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
}
