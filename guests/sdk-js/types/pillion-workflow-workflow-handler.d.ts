/// <reference path="./pillion-workflow-failures.d.ts" />
declare module 'pillion:workflow/workflow-handler@0.1.0' {
  /**
   * Says what there is. Has no more than a workflow has, and no context.
   */
  export function describe(): Names;
  /**
   * Runs a workflow from its beginning to its next wait, or to its end. Of its imports, `context` and WASI answer.
   */
  export function run(name: string, input: string | undefined): string | undefined;
  /**
   * Does an activity, at least once for each call. It may all that `allow` of the manifest grants.
   */
  export function activity(name: string, input: string | undefined, info: ActivityInfo): string | undefined;
  export type Failure = import('pillion:workflow/failures@0.1.0').Failure;
  /**
   * What the guest has. Asked once, before the first call.
   */
  export interface Names {
    workflows: Array<string>,
    activities: Array<string>,
  }
  /**
   * Which piece of work an activity is, for those who must not do it twice.
   */
  export interface ActivityInfo {
    /**
     * The workflow's instance.
     */
    instanceId: string,
    /**
     * The number of the call in it.
     */
    taskId: number,
    /**
     * The same in every delivery and in every try of it.
     */
    executionId: string,
  }
}
