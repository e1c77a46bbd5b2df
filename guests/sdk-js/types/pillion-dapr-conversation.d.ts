/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/conversation@0.1.0' {
  /**
   * Talks to a model. `POST /v1.0-alpha2/conversation/{component}/converse`.
   */
  export function converse(component: string, request: Request): Response;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  /**
   * Texts with the name of who said them.
   */
  export interface Said {
    name?: string,
    content: Array<string>,
  }
  /**
   * A call that the model wants made.
   */
  export interface ToolCall {
    id: string,
    name: string,
    /**
     * A JSON object as text.
     */
    arguments: string,
  }
  /**
   * An earlier answer of the model.
   */
  export interface AssistantMessage {
    said: Said,
    toolCalls: Array<ToolCall>,
  }
  /**
   * What a tool answered.
   */
  export interface ToolMessage {
    name: string,
    /**
     * The call that it answers.
     */
    toolId: string,
    content: Array<string>,
  }
  export type Message = MessageDeveloper | MessageSystem | MessageUser | MessageAssistant | MessageTool;
  export interface MessageDeveloper {
    tag: 'developer',
    val: Said,
  }
  export interface MessageSystem {
    tag: 'system',
    val: Said,
  }
  export interface MessageUser {
    tag: 'user',
    val: Said,
  }
  export interface MessageAssistant {
    tag: 'assistant',
    val: AssistantMessage,
  }
  export interface MessageTool {
    tag: 'tool',
    val: ToolMessage,
  }
  /**
   * Messages that get one answer.
   */
  export interface Input {
    messages: Array<Message>,
    /**
     * Whether Dapr is to blank out personal data.
     */
    scrubPii: boolean,
  }
  /**
   * A tool that the model may ask for.
   */
  export interface Tool {
    name: string,
    description?: string,
    /**
     * The JSON schema of its arguments, as text.
     */
    parameters?: string,
  }
  export interface Request {
    /**
     * The conversation to go on with.
     */
    contextId?: string,
    /**
     * Each gets an output.
     */
    inputs: Array<Input>,
    /**
     * The component's own parameters; each value is JSON.
     */
    parameters: Metadata,
    metadata: Metadata,
    /**
     * Whether Dapr is to blank out personal data in the answers.
     */
    scrubPii: boolean,
    /**
     * 0 to 2.
     */
    temperature?: number,
    tools: Array<Tool>,
    /**
     * `none`, `auto`, `required`, or a tool's name.
     */
    toolChoice?: string,
  }
  export interface Choice {
    /**
     * `stop`, `length`, `tool_calls`, or the component's own word.
     */
    finishReason: string,
    /**
     * Its place among the choices, from 0.
     */
    index: bigint,
    content: string,
    toolCalls: Array<ToolCall>,
  }
  export interface Response {
    /**
     * Goes on with the conversation.
     */
    contextId?: string,
    /**
     * The choices for each input.
     */
    outputs: Array<Array<Choice>>,
  }
}
