/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/bulk-topic-handler@0.1.0' {
  /**
   * Takes messages of one topic. One without a status in the answer is delivered again, and so are all after an error.
   */
  export function handle(entries: Array<Entry>): Array<EntryStatus>;
  export type TopicEvent = import('pillion:dapr/types@0.1.0').TopicEvent;
  export type TopicStatus = import('pillion:dapr/types@0.1.0').TopicStatus;
  export interface Entry {
    entryId: string,
    event: TopicEvent,
  }
  export interface EntryStatus {
    entryId: string,
    status: TopicStatus,
  }
}
