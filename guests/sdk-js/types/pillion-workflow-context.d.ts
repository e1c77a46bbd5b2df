/// <reference path="./pillion-workflow-failures.d.ts" />
declare module 'pillion:workflow/context@0.1.0' {
  /**
   * The id of this workflow's instance.
   */
  export function instanceId(): string;
  /**
   * The time of the history, in milliseconds since 1970: that of the last thing that happened. Stands still between two waits.
   */
  export function currentTime(): bigint;
  /**
   * Another UUID with each call, the same ones in every replay.
   */
  export function newUuid(): string;
  /**
   * Whether the code does what it did before. For logs; whoever decides by it does another thing each time.
   */
  export function isReplaying(): boolean;
  /**
   * Asks for an activity.
   */
  export function callActivity(name: string, input: string | undefined, options: ActivityOptions): Task;
  /**
   * Starts a child workflow, whose output is the task's.
   */
  export function callWorkflow(name: string, input: string | undefined, options: WorkflowOptions): Task;
  /**
   * A timer that is due after so many milliseconds; never early, and with daprd up to a second late.
   */
  export function createTimer(delay: bigint): Task;
  /**
   * An event that somebody raises, also one that came before. Names are the same in upper and lower case. After a time-out, in
   * milliseconds, the task fails with `TaskCanceled`; 0 takes only what is there.
   */
  export function waitForEvent(name: string, timeout: bigint | undefined): Task;
  /**
   * Waits for a task: its output, or why it failed. A timer has none.
   */
  export function wait(task: Task): string | undefined;
  /**
   * Waits for the first of several tasks; answers its place in the list. Of several that are done, the first of the list.
   */
  export function waitAny(tasks: Uint32Array): number;
  /**
   * Waits until all of the tasks are done, well or not.
   */
  export function waitAll(tasks: Uint32Array): void;
  /**
   * Whether a task is done. Doesn't wait.
   */
  export function isDone(task: Task): boolean;
  /**
   * What whoever looks at the workflow sees of it beside its state.
   */
  export function setCustomStatus(status: string): void;
  /**
   * When the function returns, the workflow begins anew with this input and an empty history; its output is not used. Events that
   * it didn't take go with it, if they are kept.
   */
  export function continueAsNew(input: string | undefined, keepEvents: boolean): void;
  export type Failure = import('pillion:workflow/failures@0.1.0').Failure;
  /**
   * Something that comes later: an activity, a child workflow, a timer, an event. Numbers of this run alone.
   */
  export type Task = number;
  /**
   * Tries after a failure. Times are milliseconds.
   */
  export interface RetryPolicy {
    /**
     * Tries altogether, the first one included; at least 1.
     */
    maxAttempts: number,
    /**
     * The pause before the second try.
     */
    firstInterval: bigint,
    /**
     * By what each further pause is multiplied; at least 1.
     */
    backoffCoefficient: number,
    /**
     * The longest pause.
     */
    maxInterval?: bigint,
    /**
     * No try begins later than this after the first one.
     */
    timeout?: bigint,
  }
  export interface ActivityOptions {
    retry?: RetryPolicy,
    /**
     * The app that does it, where it isn't this one.
     */
    appId?: string,
  }
  export interface WorkflowOptions {
    retry?: RetryPolicy,
    appId?: string,
    /**
     * The child's id; none has one made of this workflow's.
     */
    instanceId?: string,
  }
}
