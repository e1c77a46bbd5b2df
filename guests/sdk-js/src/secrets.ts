// Secrets: Dapr's secrets API. A value reaches the guest when it is revealed, not before.
import { get as look } from 'pillion:dapr/secrets@0.1.0';
import { ask } from './error.ts';

/** The value of a secret that has one value, or that of one of its names. Don't log it. */
export function reveal(store: string, key: string, name?: string): string | undefined {
  const secret = ask(() => look(store, key, []));
  const [only] = secret.names();
  return secret.reveal(name ?? only ?? key);
}
