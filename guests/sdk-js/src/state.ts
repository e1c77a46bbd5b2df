// Keys and values: Dapr's state API.
import { delete as remove, get, getBulk, set, transact } from 'pillion:dapr/state@0.1.0';
import type { Concurrency, Consistency, Entry, Item, Operation } from 'pillion:dapr/state@0.1.0';
import { type Data, bytes, json, text } from './bytes.ts';
import { ask } from './error.ts';

/** What may be said about a write. */
export interface WriteOptions {
  /** Seconds until the key is gone; 0 ends an earlier time to live. */
  ttl?: number;
  /** Must be the current one; else the write fails with status 409. */
  etag?: string;
  concurrency?: Concurrency;
  consistency?: Consistency;
  metadata?: Record<string, string>;
}

/** A state store, by its component's name. */
export class Store {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** A key's value with its ETag; undefined where there is none. */
  get(key: string, consistency: Consistency = 'unspecified'): Item | undefined {
    return ask(() => get(this.name, key, { consistency, metadata: [] }));
  }

  text(key: string): string | undefined {
    const item = this.get(key);
    return item && text(item.value);
  }

  json<T = any>(key: string): T | undefined {
    const item = this.get(key);
    return item && json<T>(item.value);
  }

  /** Values in the order of their keys; throws what could not be read. */
  getBulk(keys: string[]): (Item | undefined)[] {
    return ask(() => getBulk(this.name, keys, [])).map(({ key, item }) => {
      if (item.tag === 'err') throw new Error(`${key}: ${item.val}`);
      return item.val;
    });
  }

  set(key: string, value: Data, options: WriteOptions = {}): void {
    ask(() => set(this.name, [entry(key, value, options)]));
  }

  delete(key: string, options: WriteOptions = {}): void {
    ask(() => remove(this.name, key, written(options)));
  }

  /** All of these or none, in their order; made by `upsert` and `removal`. */
  transact(operations: Operation[]): void {
    ask(() => transact(this.name, operations, []));
  }
}

/** A state store, by its component's name. */
export function open(name: string): Store {
  return new Store(name);
}

/** A write as a step of a transaction. */
export function upsert(key: string, value: Data, options: WriteOptions = {}): Operation {
  return { tag: 'upsert', val: entry(key, value, options) };
}

/** A delete as a step of a transaction. */
export function removal(key: string, options: WriteOptions = {}): Operation {
  return { tag: 'delete', val: { key, options: written(options) } };
}

/** For a write that is to fail with status 409 if another writer came first: the item that was read, or none. */
export function unchangedSince(item: Item | undefined): WriteOptions {
  return { etag: item?.etag, concurrency: 'first-write' };
}

function entry(key: string, value: Data, options: WriteOptions): Entry {
  return { key, value: bytes(value), ttl: options.ttl, options: written(options) };
}

function written({ etag, concurrency = 'last-write', consistency = 'unspecified', metadata = {} }: WriteOptions) {
  return { etag, concurrency, consistency, metadata: Object.entries(metadata) };
}
