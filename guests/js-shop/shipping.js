// Keeps the orders of a topic in the state store `statestore`.
import * as state from 'pillion-sdk/state';
import * as topic from 'pillion-sdk/topic';

export const topicHandler = topic.handler((event) => {
  if (event.data.length === 0) return 'drop';
  state.open('statestore').transact([state.upsert(`order-${event.id}`, event.data), state.upsert('last-order', event.data)]);
});
