// Dapr, in JavaScript: a counter, orders over HTTP that are published, and the same orders taken from their topic.
import * as http from 'pillion-sdk/http';
import { count } from './counter.js';
import { order } from './orders.js';

export { workflowHandler } from './approval.js';
export { jobHandler } from './reminder.js';
export { topicHandler } from './shipping.js';

export const invocationHandler = http.handler((request) => {
  const [, area, name] = http.route(request).split('/');
  if (area === 'counter') return count(name);
  if (area === 'orders') return order(request);
  if (area === 'throw') throw new Error('thrown on purpose');
  return http.text(404, 'counter, orders or throw');
});
