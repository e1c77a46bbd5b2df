/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/crypto@0.1.0' {
  /**
   * Encrypts a document. `PUT /v1.0-alpha1/crypto/{component}/encrypt`.
   */
  export function encrypt(component: string, data: Uint8Array, options: EncryptOptions): Uint8Array;
  /**
   * Decrypts a document; `key-name` is needed where the document names none. `PUT /v1.0-alpha1/crypto/{component}/decrypt`.
   */
  export function decrypt(component: string, data: Uint8Array, keyName: string | undefined): Uint8Array;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
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
}
