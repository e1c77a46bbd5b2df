/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/lock@0.1.0' {
  /**
   * Takes a lock for so many seconds, more than 0; false where another owner has it. `POST /v1.0-alpha1/lock/{store}`.
   */
  export function tryLock(store: string, resourceId: string, owner: string, expirySeconds: number): boolean;
  /**
   * Gives a lock back. `POST /v1.0-alpha1/unlock/{store}`.
   */
  export function unlock(store: string, resourceId: string, owner: string): UnlockStatus;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  /**
   * What became of an unlock.
   * # Variants
   * 
   * ## `"success"`
   * 
   * ## `"does-not-exist"`
   * 
   * Nobody had it, or it expired.
   * ## `"belongs-to-others"`
   * 
   * Another owner has it.
   * ## `"internal-error"`
   */
  export type UnlockStatus = 'success' | 'does-not-exist' | 'belongs-to-others' | 'internal-error';
}
