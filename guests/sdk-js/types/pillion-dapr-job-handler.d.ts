declare module 'pillion:dapr/job-handler@0.1.0' {
  /**
   * Does a job. An error goes to the log and is a failed try, for the job's failure policy.
   */
  export function handle(event: JobEvent): void;
  export interface JobEvent {
    name: string,
    /**
     * JSON, or as it was given over gRPC.
     */
    data: Uint8Array,
    /**
     * The media type of `data`; none is JSON.
     */
    contentType?: string,
  }
}
