// Deletes what is old when the binding `nightly` says that it is night: a line of `old-carts` for each key.
import { text } from 'pillion-sdk';
import * as binding from 'pillion-sdk/binding';
import * as state from 'pillion-sdk/state';

export const bindingHandler = binding.handler(() => {
  const store = state.open('statestore');
  const item = store.get('old-carts');
  const keys = item ? text(item.value).split('\n').filter(Boolean) : [];
  if (keys.length > 0) store.transact([...keys, 'old-carts'].map((key) => state.removal(key)));
  return { data: new TextEncoder().encode(`cleaned ${keys.length}`), to: [], parallel: false };
});
