/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/workflow@0.1.0' {
  /**
   * Starts an instance; answers its id. An `instance-id` has at most 64 letters, digits, `-` and `_`; none lets Dapr
   * choose one. `input` is JSON by convention. `POST /v1.0/workflows/dapr/{name}/start`.
   */
  export function start(name: string, instanceId: string | undefined, input: Uint8Array): string;
  /**
   * Looks at an instance. `GET /v1.0/workflows/dapr/{id}`.
   */
  export function get(instanceId: string): Instance;
  /**
   * Ends an instance. `POST /v1.0/workflows/dapr/{id}/terminate`.
   */
  export function terminate(instanceId: string): void;
  /**
   * Holds an instance. `POST /v1.0/workflows/dapr/{id}/pause`.
   */
  export function pause(instanceId: string): void;
  /**
   * Lets an instance go on. `POST /v1.0/workflows/dapr/{id}/resume`.
   */
  export function resume(instanceId: string): void;
  /**
   * Forgets an instance that has ended. `POST /v1.0/workflows/dapr/{id}/purge`.
   */
  export function purge(instanceId: string): void;
  /**
   * Hands an event to an instance that waits for it, or will.
   * `POST /v1.0/workflows/dapr/{id}/raiseEvent/{event}`.
   */
  export function raiseEvent(instanceId: string, event: string, data: Uint8Array): void;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  export type Timestamp = import('pillion:dapr/types@0.1.0').Timestamp;
  /**
   * What is known of an instance.
   */
  export interface Instance {
    id: string,
    name: string,
    created?: Timestamp,
    updated?: Timestamp,
    /**
     * `RUNNING`, `COMPLETED`, `CONTINUED_AS_NEW`, `FAILED`, `CANCELED`, `TERMINATED`, `PENDING` or `SUSPENDED`.
     */
    status: string,
    /**
     * `dapr.workflow.input`, `dapr.workflow.output`, `dapr.workflow.failure.*` and the like.
     */
    properties: Metadata,
  }
}
