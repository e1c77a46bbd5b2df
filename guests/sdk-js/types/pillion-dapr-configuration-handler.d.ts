/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/configuration-handler@0.1.0' {
  /**
   * Takes an update. An error goes to the log; the update does not come again.
   */
  export function handle(update: Update): void;
  export type ConfigurationItem = import('pillion:dapr/types@0.1.0').ConfigurationItem;
  export interface Update {
    store: string,
    /**
     * The subscription that saw the change.
     */
    id: string,
    items: Array<[string, ConfigurationItem]>,
  }
}
