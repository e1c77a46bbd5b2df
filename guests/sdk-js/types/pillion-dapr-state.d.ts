/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/state@0.1.0' {
  /**
   * Reads a key; none where there is none. `GET /v1.0/state/{store}/{key}`.
   */
  export function get(store: string, key: string, options: ReadOptions): Item | undefined;
  /**
   * Reads at most 10,000 keys, answered in their order. `POST /v1.0/state/{store}/bulk`.
   */
  export function getBulk(store: string, keys: Array<string>, metadata: Metadata): Array<BulkItem>;
  /**
   * Writes at most 10,000 keys, each on its own: after an error some may be written. `POST /v1.0/state/{store}`.
   */
  export function set(store: string, entries: Array<Entry>): void;
  /**
   * Deletes a key; one that doesn't exist is a success unless an ETag is given. `DELETE /v1.0/state/{store}/{key}`.
   */
  export { _delete as delete };
  function _delete(store: string, key: string, options: WriteOptions): void;
  /**
   * Does all of at most 10,000 operations in their order, or none. `POST /v1.0/state/{store}/transaction`.
   */
  export function transact(store: string, operations: Array<Operation>, metadata: Metadata): void;
  /**
   * Finds keys by their JSON values; `query` is Dapr's query with `filter`, `sort` and `page`, as JSON text. The whole
   * store must be allowed. `POST /v1.0-alpha1/state/{store}/query`.
   */
  export function query(store: string, query: string, metadata: Metadata): Found;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  export type Timestamp = import('pillion:dapr/types@0.1.0').Timestamp;
  /**
   * How two writers of one key get along.
   * # Variants
   * 
   * ## `"last-write"`
   * 
   * The last one wins, unless it names an ETag.
   * ## `"first-write"`
   * 
   * A write needs the current ETag, or a key that doesn't exist yet.
   */
  export type Concurrency = 'last-write' | 'first-write';
  /**
   * How fresh an answer must be, or how soon a write is seen by all.
   * # Variants
   * 
   * ## `"unspecified"`
   * 
   * As the store does by itself.
   * ## `"eventual"`
   * 
   * ## `"strong"`
   */
  export type Consistency = 'unspecified' | 'eventual' | 'strong';
  /**
   * A key's value. A value exists even if it has no bytes.
   */
  export interface Item {
    value: Uint8Array,
    /**
     * Changes with each write.
     */
    etag: string,
    /**
     * When it will be gone, if ever.
     */
    expires?: Timestamp,
  }
  /**
   * One key's share of the answer to `get-bulk`.
   */
  export interface BulkItem {
    key: string,
    /**
     * Its value, none where there is none, or why it could not be read.
     */
    item: Result<Item | undefined, string>,
  }
  /**
   * Options of a read.
   */
  export interface ReadOptions {
    consistency: Consistency,
    metadata: Metadata,
  }
  /**
   * Options of a write or a delete.
   */
  export interface WriteOptions {
    /**
     * Must be the current one, if given; else `ERR_STATE_SAVE` or `ERR_STATE_DELETE` with status 409.
     */
    etag?: string,
    concurrency: Concurrency,
    consistency: Consistency,
    metadata: Metadata,
  }
  /**
   * A write of one key.
   */
  export interface Entry {
    key: string,
    value: Uint8Array,
    /**
     * Seconds until the key is gone; none keeps it, 0 ends an earlier time to live.
     */
    ttl?: number,
    options: WriteOptions,
  }
  /**
   * A delete of one key.
   */
  export interface Removal {
    key: string,
    options: WriteOptions,
  }
  /**
   * One step of a transaction.
   */
  export type Operation = OperationUpsert | OperationDelete;
  export interface OperationUpsert {
    tag: 'upsert',
    val: Entry,
  }
  export interface OperationDelete {
    tag: 'delete',
    val: Removal,
  }
  /**
   * A key that a query found.
   */
  export interface FoundItem {
    key: string,
    value: Uint8Array,
    etag: string,
    /**
     * Why the value could not be read; empty if it could.
     */
    error: string,
  }
  /**
   * A page of what a query found.
   */
  export interface Found {
    /**
     * In the order of the query's `sort`.
     */
    items: Array<FoundItem>,
    /**
     * Asks for the next page; empty at the end.
     */
    token: string,
  }
  export type Result<T, E> = { tag: 'ok', val: T } | { tag: 'err', val: E };
}
