/// <reference path="./pillion-dapr-types.d.ts" />
/// <reference path="./wasi-io-poll.d.ts" />
/// <reference path="./wasi-io-streams.d.ts" />
declare module 'pillion:dapr/crypto@0.1.0' {
  /**
   * Encrypts a document. `PUT /v1.0-alpha1/crypto/{component}/encrypt`.
   */
  export function encrypt(component: string, data: Uint8Array, options: EncryptOptions): Uint8Array;
  /**
   * Decrypts a document; `key-name` is needed where the document names none. `PUT /v1.0-alpha1/crypto/{component}/decrypt`.
   */
  export function decrypt(component: string, data: Uint8Array, keyName: string | undefined): Uint8Array;
  /**
   * Encrypts a document that streams. That it is denied, or fails, is learned from `output`.
   */
  export function encryptStreaming(component: string, options: EncryptOptions): Document;
  /**
   * Decrypts a document that streams. That it is denied, or fails, is learned from `output`.
   */
  export function decryptStreaming(component: string, keyName: string | undefined): Document;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Pollable = import('wasi:io/poll@0.2.0').Pollable;
  export type InputStream = import('wasi:io/streams@0.2.0').InputStream;
  export type OutputStream = import('wasi:io/streams@0.2.0').OutputStream;
  /**
   * How to encrypt.
   */
  export interface EncryptOptions {
    /**
     * The key in the component, `name` or `name/version`.
     */
    keyName: string,
    /**
     * `A256KW`, `RSA-OAEP-256` and the like.
     */
    keyWrapAlgorithm: string,
    /**
     * `aes-gcm` (the default) or `chacha20-poly1305`.
     */
    dataEncryptionCipher?: string,
    /**
     * Leaves the key's name out of the document.
     */
    omitDecryptionKeyName: boolean,
    /**
     * The name of the key to write into the document, if another.
     */
    decryptionKeyName?: string,
  }
  
  export class Document implements Disposable {
    /**
     * This type does not have a public constructor.
     */
    private constructor();
    /**
    * What goes in; once.
    */
    input(): OutputStream | undefined;
    /**
    * Ends what goes in: only now is it whole. An error if it has ended before, or went over its limit.
    */
    finish(): void;
    /**
    * Ready when `output` doesn't have to wait.
    */
    subscribe(): Pollable;
    /**
    * Waits for the beginning of what comes out; once. It is good only when it ends with `closed`: where it ends with
    * `last-operation-failed`, `failure` of `invocation` says why, and what came before is not the whole document.
    */
    output(): InputStream;
    [Symbol.dispose](): void;
  }
}
