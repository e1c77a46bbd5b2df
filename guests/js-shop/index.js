// Dapr, in JavaScript: a greeting, a counter, orders over HTTP that are published, and the same orders taken from their topic,
// a cleaner that a binding starts, and digits in pictures.
import { text } from 'pillion-sdk';
import * as http from 'pillion-sdk/http';
import { count } from './counter.js';
import { digit } from './digits.js';
import { order } from './orders.js';
import { relay } from './relay.js';

export { workflowHandler } from './approval.js';
export { bindingHandler } from './cleaner.js';
export { jobHandler } from './reminder.js';
export { topicHandler } from './shipping.js';
export { actorHandler } from './tally.js';

export const invocationHandler = http.handler((request) => {
  const [, area, name] = http.route(request).split('/');
  if (area === 'hello') return http.text(200, `hello ${text(request.body) || 'world'}`);
  if (area === 'digits') return digit(request.body);
  if (area === 'counter') return count(name);
  if (area === 'orders') return order(request);
  if (area === 'relay') return relay();
  if (area === 'throw') throw new Error('thrown on purpose');
  return http.text(404, 'hello, counter, orders, digits or throw');
});
