// Actors: `export const actorHandler = actor.handler((context) => ({ invoke(method, data) { … } }))`. Each active actor has a guest of
// its own, so that what its object holds is there from turn to turn; turns come one after the other.
import {
  type Operation, type Reminder, type Timer, getReminder, getState, invoke, registerReminder, registerTimer,
  transactState, unregisterReminder, unregisterTimer,
} from 'pillion:dapr/actors@0.1.0';
import type { Actor as Id, Metadata } from 'pillion:dapr/types@0.1.0';
import { type Data, bytes } from './bytes.ts';
import { ask } from './error.ts';

export type { Operation, Reminder, Timer };

/** When a timer or reminder is due: `dueTime` and `period` as `1s`, nothing is at once and never again. Its data is JSON. */
export type When = { dueTime?: string; period?: string; ttl?: string; data?: Data };

/** One actor, as its handler makes it. What a function throws is the caller's error; the actor stays as it is. */
export interface Actor {
  invoke(method: string, data: Uint8Array, metadata: Metadata): Data | void | Promise<Data | void>;
  timer?(name: string, callback: string, data: Uint8Array): void | Promise<void>;
  reminder?(name: string, data: Uint8Array): void | Promise<void>;
  /** Save in the turns, not here: an actor that traps never comes here. */
  deactivate?(): void | Promise<void>;
}

/** Who an actor is, and what Dapr keeps for it. */
export class Context {
  constructor(private readonly actor: Id) {}

  get type(): string {
    return this.actor.actorType;
  }

  get id(): string {
    return this.actor.actorId;
  }

  get(key: string): Uint8Array | undefined {
    return ask(() => getState(this.actor, key));
  }

  set(key: string, value: Data): void {
    this.transact([{ tag: 'upsert', val: { key, value: bytes(value), metadata: [] } }]);
  }

  delete(key: string): void {
    this.transact([{ tag: 'delete', val: key }]);
  }

  /** All or none. */
  transact(operations: Operation[]): void {
    ask(() => transactState(this.actor, operations));
  }

  /** Has `reminder` called, even if the process ends meanwhile. */
  remind(name: string, when: When = {}): void {
    ask(() => registerReminder(this.actor, { name, ...times(when) }));
  }

  reminder(name: string): Reminder | undefined {
    return ask(() => getReminder(this.actor, name));
  }

  endReminder(name: string): void {
    ask(() => unregisterReminder(this.actor, name));
  }

  /** Has `timer` called as long as the actor is active. */
  startTimer(name: string, callback: string, when: When = {}): void {
    ask(() => registerTimer(this.actor, { name, callback, ...times(when) }));
  }

  endTimer(name: string): void {
    ask(() => unregisterTimer(this.actor, name));
  }

  /** A method of another actor; one that waits for this very turn is an error. */
  call(actorType: string, actorId: string, method: string, data: Data = ''): Uint8Array {
    return ask(() => invoke({ actorType, actorId }, method, bytes(data), []));
  }
}

/** Makes the actors of a guest: the function gets each new actor's context, and reads what was saved. */
export function handler(activate: (context: Context) => Actor | Promise<Actor>) {
  let actor: Actor | undefined;
  const active = (): Actor => actor ?? fail('the actor is not active');
  return {
    activate: (id: Id) => told(async () => void (actor = await activate(new Context(id)))),
    invoke: (_: Id, method: string, data: Uint8Array, metadata: Metadata) =>
      told(async () => bytes((await active().invoke(method, data, metadata)) ?? '')),
    timer: (_: Id, name: string, callback: string, data: Uint8Array) =>
      told(async () => (active().timer ? active().timer?.(name, callback, data) : fail(`no timer \`${name}\``))),
    reminder: (_: Id, name: string, data: Uint8Array) =>
      told(async () => (active().reminder ? active().reminder?.(name, data) : fail(`no reminder \`${name}\``))),
    deactivate: (_: Id) => told(async () => actor?.deactivate?.()),
  };
}

function times({ dueTime = '', period = '', ttl = '', data }: When) {
  return { dueTime, period, ttl, data: data === undefined ? new Uint8Array() : bytes(data) };
}

function fail(why: string): never {
  throw new Error(why);
}

/** What a turn throws becomes the text of its error. */
async function told<T>(turn: () => Promise<T>): Promise<T> {
  try {
    return await turn();
  } catch (thrown) {
    throw String(thrown);
  }
}
