// Jobs: `export const jobHandler = job.handler((event) => { … })`, and scheduling them.
import type { JobEvent } from 'pillion:dapr/job-handler@0.1.0';
import { type Job, delete as remove, schedule as add } from 'pillion:dapr/jobs@0.1.0';
import { ask, handler as made } from './error.ts';

export type { Job, JobEvent };

/** Does jobs that are due. What it throws is a failed try. */
export function handler(handle: (event: JobEvent) => void | Promise<void>) {
  return made(handle, () => undefined);
}

/** Schedules a job; one of the same name is an error unless it may be overwritten. */
export function schedule(job: Partial<Job> & { name: string }, overwrite = false): void {
  ask(() => add({ data: new Uint8Array(), ...job }, overwrite));
}

export function cancel(name: string): void {
  ask(() => remove(name));
}
