declare module 'pillion:workflow/failures@0.1.0' {
  /**
   * What stands behind a failure.
   */
  export interface Cause {
    errorType: string,
    message: string,
  }
  /**
   * Why an activity or a workflow failed.
   */
  export interface Failure {
    /**
     * A name for programs, such as `OutOfStock`.
     */
    errorType: string,
    /**
     * A sentence for people.
     */
    message: string,
    /**
     * Where it happened, as the language writes it.
     */
    stackTrace?: string,
    /**
     * Whether another try is of no use: then no retry policy makes one.
     */
    nonRetriable: boolean,
    /**
     * What it came from, the nearest first.
     */
    causes: Array<Cause>,
  }
}
