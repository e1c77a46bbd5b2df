/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/jobs@0.1.0' {
  /**
   * Schedules a job; one of the same name is an error (409) unless it may be overwritten.
   * `POST /v1.0-alpha1/jobs/{name}`.
   */
  export function schedule(job: Job, overwrite: boolean): void;
  /**
   * Reads a job; one that doesn't exist is an error, as in Dapr. `GET /v1.0-alpha1/jobs/{name}`.
   */
  export function get(name: string): Job;
  /**
   * Deletes a job. `DELETE /v1.0-alpha1/jobs/{name}`.
   */
  export { _delete as delete };
  function _delete(name: string): void;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  /**
   * What happens when the app fails at a job again and again.
   */
  export interface ConstantPolicy {
    /**
     * Milliseconds between two tries.
     */
    interval: bigint,
    /**
     * At most so many tries; none is for ever.
     */
    maxRetries?: number,
  }
  /**
   * What happens when the app fails at a job.
   */
  export type FailurePolicy = FailurePolicyDrop | FailurePolicyConstant;
  /**
   * Nothing until the next time.
   */
  export interface FailurePolicyDrop {
    tag: 'drop',
  }
  /**
   * It is tried again.
   */
  export interface FailurePolicyConstant {
    tag: 'constant',
    val: ConstantPolicy,
  }
  /**
   * A job. At least one of `schedule` and `due-time` is given.
   */
  export interface Job {
    /**
     * Unique in the app.
     */
    name: string,
    /**
     * A cron expression of six fields (seconds first), or `@every 5s` and the like.
     */
    schedule?: string,
    /**
     * How often at most.
     */
    repeats?: number,
    /**
     * When first: RFC 3339, or a Go or ISO 8601 duration from now on.
     */
    dueTime?: string,
    /**
     * When it ends by itself, as `due-time`.
     */
    ttl?: string,
    /**
     * JSON that the app gets with each call; empty is none.
     */
    data: Uint8Array,
    /**
     * None is Dapr's own: three tries, a second apart.
     */
    failurePolicy?: FailurePolicy,
  }
}
