declare module 'pillion:dapr/types@0.1.0' {
  /**
   * Free-form pairs that go with a request: Dapr's `metadata.*`. The component says what it takes. The last of equal
   * keys counts.
   */
  export type Metadata = Array<[string, string]>;
  /**
   * A point in time: milliseconds since 1970-01-01T00:00:00Z.
   */
  export type Timestamp = bigint;
  /**
   * Why a call failed.
   */
  export interface Error {
    /**
     * Dapr's error code, such as `ERR_STATE_SAVE`; one that begins with `PILLION_` is the host's own.
     */
    code: string,
    /**
     * What was asked of what, and why it failed, in a sentence.
     */
    message: string,
    /**
     * What would help, if that is known.
     */
    hint?: string,
    /**
     * The HTTP status that Dapr gives this failure.
     */
    status: number,
    /**
     * Whether the same call may succeed later.
     */
    retryable: boolean,
  }
  /**
   * A header; the value is bytes, as HTTP has it.
   */
  export type Header = [string, Uint8Array];
  /**
   * A request to an app.
   */
  export interface Request {
    /**
     * `GET`, `POST` and so on.
     */
    method: string,
    /**
     * Below the app's root, with the query: `/orders?state=open`.
     */
    path: string,
    headers: Array<Header>,
    body: Uint8Array,
  }
  /**
   * What an app answered.
   */
  export interface Response {
    status: number,
    headers: Array<Header>,
    body: Uint8Array,
  }
  /**
   * A value of configuration with its version.
   */
  export interface ConfigurationItem {
    value: string,
    /**
     * Changes with each write, where the store knows versions; else empty.
     */
    version: string,
    metadata: Metadata,
  }
  /**
   * Which actor.
   */
  export interface Actor {
    actorType: string,
    actorId: string,
  }
  /**
   * A CloudEvent 1.0 with what Dapr adds.
   */
  export interface TopicEvent {
    id: string,
    source: string,
    eventType: string,
    specVersion: string,
    /**
     * The media type of `data`; empty where the event names none.
     */
    dataContentType: string,
    subject?: string,
    /**
     * RFC 3339, as it came.
     */
    time?: string,
    pubsub: string,
    topic: string,
    /**
     * The payload: text as UTF-8, `data_base64` decoded, anything else as JSON.
     */
    data: Uint8Array,
    /**
     * All other attributes, `traceparent` among them: text as it is, anything else as JSON.
     */
    extensions: Metadata,
    /**
     * Metadata of the subscription and of the broker.
     */
    metadata: Metadata,
  }
  /**
   * What becomes of a message.
   * # Variants
   * 
   * ## `"success"`
   * 
   * Handled.
   * ## `"retry"`
   * 
   * To be delivered again.
   * ## `"drop"`
   * 
   * Not wanted; goes to the dead-letter topic if there is one.
   */
  export type TopicStatus = 'success' | 'retry' | 'drop';
}
