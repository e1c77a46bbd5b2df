/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/topic-handler@0.1.0' {
  /**
   * Takes a message. An error goes to the log and asks for another delivery.
   */
  export function handle(event: TopicEvent): TopicStatus;
  export type TopicEvent = import('pillion:dapr/types@0.1.0').TopicEvent;
  export type TopicStatus = import('pillion:dapr/types@0.1.0').TopicStatus;
}
