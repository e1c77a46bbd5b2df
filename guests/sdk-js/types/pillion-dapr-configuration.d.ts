/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/configuration@0.1.0' {
  /**
   * Reads values by key; no keys asks for all. Keys that don't exist are left out. `GET /v1.0/configuration/{store}`.
   */
  export function get(store: string, keys: Array<string>, metadata: Metadata): Array<[string, ConfigurationItem]>;
  /**
   * Has changes handed to this guest's `configuration-handler` from now on, whatever becomes of the instance that asks;
   * answers the subscription's id. The same store and keys give the same subscription. At most 100 a guest.
   * `GET /v1.0/configuration/{store}/subscribe`.
   */
  export function subscribe(store: string, keys: Array<string>, metadata: Metadata): string;
  /**
   * Ends a subscription; one that is not there is a success. `GET /v1.0/configuration/{store}/{id}/unsubscribe`.
   */
  export function unsubscribe(store: string, id: string): void;
  export type ConfigurationItem = import('pillion:dapr/types@0.1.0').ConfigurationItem;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
}
