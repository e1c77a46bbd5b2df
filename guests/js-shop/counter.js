// Counts requests by name in the state store `statestore`, and loses none when two come at once.
import { DaprError, text } from 'pillion-sdk';
import * as http from 'pillion-sdk/http';
import * as state from 'pillion-sdk/state';

/** Another writer can come first so often before the caller is asked to come again. */
const TRIES = 20;
/** What the state API answers whose key another writer changed. */
const CONFLICT = 409;
const store = state.open('statestore');

export function count(name) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const item = store.get(name);
    const value = String(Number(item ? text(item.value) : 0) + 1);
    try {
      store.set(name, value, state.unchangedSince(item));
      return http.text(200, value);
    } catch (error) {
      if (!(error instanceof DaprError && error.status === CONFLICT)) throw error;
    }
  }
  return http.text(503, 'too many writers');
}
