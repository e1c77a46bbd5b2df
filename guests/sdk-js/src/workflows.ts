// Workflows and activities: `export const workflowHandler = workflows.handler({ workflows: { … }, activities: { … } })`.
//
// A workflow is a function that is run again from its beginning whenever something happened that it waits for. It asks by the
// functions of this module alone, and activities do the rest. It is no `async` function: `wait` waits. Data is sent as JSON.
import * as host from 'pillion:workflow/context@0.1.0';
import type { ActivityInfo, Failure } from 'pillion:workflow/workflow-handler@0.1.0';
import type { RetryPolicy } from 'pillion:workflow/context@0.1.0';

export type { ActivityInfo, Failure, RetryPolicy };
export { instanceId, isReplaying, newUuid, setCustomStatus } from 'pillion:workflow/context@0.1.0';

/** Why an activity or a workflow failed. To throw one is to fail with it. */
export class WorkflowFailure extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
    this.name = failure.errorType;
  }
}

/** A failure to throw: a name for programs, a sentence for people. */
export function failure(errorType: string, message: string, nonRetriable = false): WorkflowFailure {
  return new WorkflowFailure({ errorType, message, nonRetriable, causes: [], stackTrace: undefined });
}

/** Something that comes later. */
export class Task<T = any> {
  constructor(readonly id: number) {}

  /** Waits for it; throws a `WorkflowFailure` where it failed. */
  wait(): T {
    try {
      return parsed(host.wait(this.id));
    } catch (thrown) {
      const payload = (thrown as { payload?: Failure }).payload;
      throw payload?.errorType ? new WorkflowFailure(payload) : thrown;
    }
  }

  isDone(): boolean {
    return host.isDone(this.id);
  }
}

/** Times are milliseconds. */
export interface Options {
  retry?: Partial<RetryPolicy> & { maxAttempts: number; firstInterval: bigint };
  appId?: string;
}

export function callActivity<T = any>(name: string, input?: unknown, options: Options = {}): Task<T> {
  return new Task(host.callActivity(name, text(input), { retry: retry(options), appId: options.appId }));
}

export function callWorkflow<T = any>(name: string, input?: unknown, options: Options & { instanceId?: string } = {}): Task<T> {
  const { appId, instanceId } = options;
  return new Task(host.callWorkflow(name, text(input), { retry: retry(options), appId, instanceId }));
}

/** A timer of so many milliseconds. */
export function createTimer(delay: number): Task<undefined> {
  return new Task(host.createTimer(BigInt(delay)));
}

/** An event that came or comes; after a time-out in milliseconds the task fails with `TaskCanceled`. */
export function waitForEvent<T = any>(name: string, timeout?: number): Task<T> {
  return new Task(host.waitForEvent(name, timeout === undefined ? undefined : BigInt(timeout)));
}

/** Waits for the first of several; answers its place. */
export function waitAny(tasks: Task[]): number {
  return host.waitAny(Uint32Array.from(tasks, (task) => task.id));
}

/** Waits for all of them; throws the first failure in their order. */
export function waitAll<T = any>(tasks: Task<T>[]): T[] {
  host.waitAll(Uint32Array.from(tasks, (task) => task.id));
  return tasks.map((task) => task.wait());
}

/** The time of the history. */
export function currentTime(): Date {
  return new Date(Number(host.currentTime()));
}

/** Begins anew when the workflow returns. */
export function continueAsNew(input?: unknown, keepEvents = false): void {
  host.continueAsNew(text(input), keepEvents);
}

export type Workflow = (input: any) => unknown;
export type Activity = (input: any, info: ActivityInfo) => unknown;

/** Workflows and activities by their names. */
export function handler(functions: { workflows?: Record<string, Workflow>; activities?: Record<string, Activity> }) {
  const { workflows = {}, activities = {} } = functions;
  return {
    describe: () => ({ workflows: Object.keys(workflows), activities: Object.keys(activities) }),
    run: (name: string, input?: string) => answered(() => known(workflows, name)(parsed(input))),
    async activity(name: string, input: string | undefined, info: ActivityInfo) {
      try {
        return text(await known(activities, name)(parsed(input), info));
      } catch (thrown) {
        throw failed(thrown);
      }
    },
  };
}

function answered(call: () => unknown): string | undefined {
  try {
    return text(call());
  } catch (thrown) {
    throw failed(thrown);
  }
}

function known<F>(functions: Record<string, F>, name: string): F {
  if (!Object.hasOwn(functions, name)) throw failure('NotRegistered', `there is no \`${name}\``, true);
  return functions[name];
}

function failed(thrown: unknown): Failure {
  if (thrown instanceof WorkflowFailure) return thrown.failure;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return { errorType: error.name, message: error.message, stackTrace: error.stack, nonRetriable: false, causes: [] };
}

function retry(options: Options): RetryPolicy | undefined {
  return options.retry && { backoffCoefficient: 1, maxInterval: undefined, timeout: undefined, ...options.retry };
}

function text(data: unknown): string | undefined {
  return data === undefined ? undefined : JSON.stringify(data);
}

function parsed(data: string | undefined): any {
  return data === undefined || data === '' ? undefined : JSON.parse(data);
}
