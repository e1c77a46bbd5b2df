// An order that waits for an answer: a workflow with an activity.
import * as state from 'pillion-sdk/state';
import * as workflows from 'pillion-sdk/workflows';

export const workflowHandler = workflows.handler({
  workflows: {
    approval(order) {
      const kept = workflows.callActivity('keep', order, { retry: { maxAttempts: 2, firstInterval: 100n } }).wait();
      try {
        return { kept, answer: workflows.waitForEvent('answer', order.patience).wait() };
      } catch (thrown) {
        return { kept, answer: thrown.name };
      }
    },
  },
  activities: {
    keep(order) {
      if (!order.item) throw workflows.failure('NoItem', 'an order has an item', true);
      state.open('statestore').set(`kept-${order.item}`, order);
      return order.item.toUpperCase();
    },
  },
});
