/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/binding-handler@0.1.0' {
  /**
   * Takes an event; none is an empty reply. An error goes to the log and to the binding.
   */
  export function handle(event: BindingEvent): Reply | undefined;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  export interface BindingEvent {
    /**
     * The component.
     */
    binding: string,
    /**
     * As the component gave it; empty for `bindings.cron`.
     */
    data: Uint8Array,
    metadata: Metadata,
  }
  export interface Reply {
    /**
     * Goes back to the component, and to the bindings of `to`.
     */
    data: Uint8Array,
    /**
     * Output bindings that get `data` with the operation `create`.
     */
    to: Array<string>,
    /**
     * Whether those are asked at the same time.
     */
    parallel: boolean,
  }
}
