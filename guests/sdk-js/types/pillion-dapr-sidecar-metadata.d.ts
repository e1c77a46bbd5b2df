/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/sidecar-metadata@0.1.0' {
  /**
   * `GET /v1.0/metadata`.
   */
  export function get(): Information;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  /**
   * One loaded component.
   */
  export interface Component {
    name: string,
    /**
     * Such as `state.redis`.
     */
    componentType: string,
    version: string,
    /**
     * Such as `ETAG` or `TRANSACTIONAL`.
     */
    capabilities: Array<string>,
  }
  /**
   * One subscription of the app.
   */
  export interface Subscription {
    pubsub: string,
    topic: string,
    /**
     * Empty where there is none.
     */
    deadLetterTopic: string,
  }
  export interface Information {
    appId: string,
    runtimeVersion: string,
    enabledFeatures: Array<string>,
    components: Array<Component>,
    subscriptions: Array<Subscription>,
    /**
     * What was added with `PUT /v1.0/metadata`.
     */
    extended: Metadata,
  }
}
