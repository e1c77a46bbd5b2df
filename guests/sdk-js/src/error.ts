// Failures of building blocks, and of handlers.
import type { Error as Failure } from 'pillion:dapr/types@0.1.0';

/** Why a building block failed: Dapr's code and status, and whether the same call may succeed later. */
export class DaprError extends Error {
  readonly code: string;
  readonly hint?: string;
  readonly status: number;
  readonly retryable: boolean;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'DaprError';
    this.code = failure.code;
    this.hint = failure.hint;
    this.status = failure.status;
    this.retryable = failure.retryable;
  }

  override toString(): string {
    return `${this.code}: ${this.message}${this.hint ? ` (hint: ${this.hint})` : ''}`;
  }
}

/** Calls the host; what it answers instead of a value is thrown as a `DaprError`. */
export function ask<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    const failure = (thrown as { payload?: Failure }).payload;
    throw failure?.code ? new DaprError(failure) : thrown;
  }
}

/** A handler as the host calls it: what its function throws becomes the text that goes to the log. */
export function handler<E, A, R>(handle: (event: E) => A | Promise<A>, answer: (result: A) => R) {
  return {
    async handle(event: E): Promise<R> {
      try {
        return answer(await handle(event));
      } catch (thrown) {
        throw String(thrown);
      }
    },
  };
}
