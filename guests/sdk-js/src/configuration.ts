// Configuration: `export const configurationHandler = configuration.handler((update) => { … })`, and reading it.
import type { Update } from 'pillion:dapr/configuration-handler@0.1.0';
import { get as read, subscribe as follow } from 'pillion:dapr/configuration@0.1.0';
import { ask, handler as made } from './error.ts';

export type { Update };

/** Takes changed values. */
export function handler(handle: (update: Update) => void | Promise<void>) {
  return made(handle, () => undefined);
}

/** Values by key; no keys asks for all. */
export function get(store: string, ...keys: string[]): Record<string, string> {
  const items = ask(() => read(store, keys, []));
  return Object.fromEntries(items.map(([key, item]) => [key, item.value]));
}

/** Has changes handed to this guest's `configurationHandler`; answers the subscription's id. */
export function subscribe(store: string, ...keys: string[]): string {
  return ask(() => follow(store, keys, []));
}
