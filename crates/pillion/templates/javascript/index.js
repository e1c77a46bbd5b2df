// A guest: says how often it was called by whom.
import { text } from 'pillion-sdk';
import * as http from 'pillion-sdk/http';
import * as state from 'pillion-sdk/state';

export const invocationHandler = http.handler((request) => {
  const name = text(request.body) || 'world';
  const store = state.open('statestore');
  const calls = (store.json(name) ?? 0) + 1;
  store.set(name, calls);
  return http.text(200, `hello ${name}, ${calls}\n`);
});
