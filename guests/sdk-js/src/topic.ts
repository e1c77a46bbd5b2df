// Messages of topics: `export const topicHandler = topic.handler((event) => { … })`.
import type { TopicEvent, TopicStatus } from 'pillion:dapr/types@0.1.0';
import { handler as made } from './error.ts';

export type { TopicEvent, TopicStatus };

/** Takes messages; one that answers nothing has handled its message. What it throws asks for another delivery. */
export function handler(handle: (event: TopicEvent) => TopicStatus | void | Promise<TopicStatus | void>) {
  return made(handle, (status): TopicStatus => status ?? 'success');
}
