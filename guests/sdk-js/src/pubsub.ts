// Publishing: Dapr's pub/sub API.
import { publish as send } from 'pillion:dapr/pubsub@0.1.0';
import { type Data, bytes, isBytes } from './bytes.ts';
import { ask } from './error.ts';

/** What may be said about a message. */
export interface PublishOptions {
  /** The media type; by default that of the data: text, JSON or bytes. */
  contentType?: string;
  metadata?: Record<string, string>;
}

export function publish(pubsub: string, topic: string, data: Data, options: PublishOptions = {}): void {
  const contentType = options.contentType ?? mediaType(data);
  ask(() => send(pubsub, topic, bytes(data), contentType, Object.entries(options.metadata ?? {})));
}

function mediaType(data: Data): string {
  if (typeof data === 'string') return 'text/plain';
  return isBytes(data) ? 'application/octet-stream' : 'application/json';
}
