/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/pubsub@0.1.0' {
  /**
   * Publishes a message. A `content-type` of `application/cloudevents+json` says that `data` is a whole CloudEvent; any
   * other gets an envelope. Metadata: `rawPayload`, `ttlInSeconds`, `cloudevent.*`.
   * `POST /v1.0/publish/{pubsub}/{topic}`.
   */
  export function publish(pubsub: string, topic: string, data: Uint8Array, contentType: string | undefined, metadata: Metadata): void;
  /**
   * Publishes at most 10,000 messages; answers those that the broker did not take.
   * `POST /v1.0/publish/bulk/{pubsub}/{topic}`.
   */
  export function publishBulk(pubsub: string, topic: string, entries: Array<Entry>, metadata: Metadata): Array<FailedEntry>;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  /**
   * A message of a bulk publish.
   */
  export interface Entry {
    /**
     * Unique in its request.
     */
    entryId: string,
    data: Uint8Array,
    /**
     * The media type of `data`; none is `text/plain`.
     */
    contentType?: string,
    metadata: Metadata,
  }
  /**
   * An entry that the broker did not take.
   */
  export interface FailedEntry {
    entryId: string,
    error: string,
  }
}
