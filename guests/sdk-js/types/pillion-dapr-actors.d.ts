/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/actors@0.1.0' {
  /**
   * Calls a method of an actor, wherever it is. `POST /v1.0/actors/{type}/{id}/method/{method}`.
   */
  export function invoke(actor: Actor, method: string, data: Uint8Array, metadata: Metadata): Uint8Array;
  /**
   * Reads a key of an actor's state; none where there is none. `GET /v1.0/actors/{type}/{id}/state/{key}`.
   */
  export function getState(actor: Actor, key: string): Uint8Array | undefined;
  /**
   * Changes an actor's state: all of at most 10,000 operations or none. The actor must be active in this app.
   * `POST /v1.0/actors/{type}/{id}/state`.
   */
  export function transactState(actor: Actor, operations: Array<Operation>): void;
  /**
   * Registers a reminder, or replaces the one of its name. `POST /v1.0/actors/{type}/{id}/reminders/{name}`.
   */
  export function registerReminder(actor: Actor, reminder: Reminder): void;
  /**
   * Ends a reminder; one that doesn't exist is a success. `DELETE /v1.0/actors/{type}/{id}/reminders/{name}`.
   */
  export function unregisterReminder(actor: Actor, name: string): void;
  /**
   * Reads a reminder; none where there is none. `GET /v1.0/actors/{type}/{id}/reminders/{name}`.
   */
  export function getReminder(actor: Actor, name: string): Reminder | undefined;
  /**
   * Registers a timer, or replaces the one of its name. `POST /v1.0/actors/{type}/{id}/timers/{name}`.
   */
  export function registerTimer(actor: Actor, timer: Timer): void;
  /**
   * Ends a timer; one that doesn't exist is a success. `DELETE /v1.0/actors/{type}/{id}/timers/{name}`.
   */
  export function unregisterTimer(actor: Actor, name: string): void;
  export type Actor = import('pillion:dapr/types@0.1.0').Actor;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  /**
   * A step of a transaction over an actor's state.
   */
  export interface Upsert {
    key: string,
    value: Uint8Array,
    /**
     * `ttlInSeconds`, where the feature is on.
     */
    metadata: Metadata,
  }
  export type Operation = OperationUpsert | OperationDelete;
  export interface OperationUpsert {
    tag: 'upsert',
    val: Upsert,
  }
  /**
   * The key.
   */
  export interface OperationDelete {
    tag: 'delete',
    val: string,
  }
  /**
   * Calls an actor later, even if the process ends meanwhile.
   */
  export interface Reminder {
    /**
     * Unique in the actor.
     */
    name: string,
    /**
     * When first: a Go duration, an ISO 8601 duration or RFC 3339; empty is at once.
     */
    dueTime: string,
    /**
     * How often again: a Go duration, or ISO 8601 with a count (`R5/PT3S`); empty is once.
     */
    period: string,
    /**
     * When it ends by itself, as `due-time`; empty is never.
     */
    ttl: string,
    data: Uint8Array,
  }
  /**
   * Calls an actor later, as long as it is active.
   */
  export interface Timer {
    name: string,
    dueTime: string,
    period: string,
    ttl: string,
    /**
     * The method that is called.
     */
    callback: string,
    data: Uint8Array,
  }
}
