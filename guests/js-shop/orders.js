// Takes orders over HTTP and publishes each to the topic `orders` of `pubsub`.
import { DaprError, json } from 'pillion-sdk';
import * as http from 'pillion-sdk/http';
import * as pubsub from 'pillion-sdk/pubsub';

export function order(request) {
  if (request.method !== 'POST') return http.text(405, 'POST an order');
  try {
    pubsub.publish('pubsub', 'orders', json(request.body));
    return http.text(202, 'published');
  } catch (error) {
    if (error instanceof SyntaxError) return http.text(400, 'an order is JSON');
    if (error instanceof DaprError) return http.text(error.status, String(error));
    throw error;
  }
}
