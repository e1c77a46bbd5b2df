// Bindings: `export const bindingHandler = binding.handler((event) => { … })`, and output bindings.
import type { BindingEvent, Reply } from 'pillion:dapr/binding-handler@0.1.0';
import { type Answer, invoke as call } from 'pillion:dapr/bindings@0.1.0';
import { type Data, bytes } from './bytes.ts';
import { ask, handler as made } from './error.ts';

export type { Answer, BindingEvent, Reply };

/** Takes events of input bindings. */
export function handler(handle: (event: BindingEvent) => Reply | void | Promise<Reply | void>) {
  return made(handle, (reply): Reply | undefined => reply ?? undefined);
}

/** Asks an output binding to do something: `create`, `get`, `delete`, `list`, or a word of the component's own. */
export function invoke(name: string, operation: string, data: Data = '', metadata: Record<string, string> = {}): Answer {
  return ask(() => call(name, operation, bytes(data), Object.entries(metadata)));
}
