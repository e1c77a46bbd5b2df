/// <reference path="./pillion-dapr-types.d.ts" />
declare module 'pillion:dapr/secrets@0.1.0' {
  /**
   * Looks a secret up. `GET /v1.0/secrets/{store}/{key}`.
   */
  export function get(store: string, key: string, metadata: Metadata): Secret;
  /**
   * Looks up every secret that the app may see, at most `limits.resources`. `GET /v1.0/secrets/{store}/bulk`.
   */
  export function getBulk(store: string, metadata: Metadata): Array<[string, Secret]>;
  export type Error = import('pillion:dapr/types@0.1.0').Error;
  export type Metadata = import('pillion:dapr/types@0.1.0').Metadata;
  
  export class Secret implements Disposable {
    /**
     * This type does not have a public constructor.
     */
    private constructor();
    /**
    * The names of its values; most secrets have one, named as the secret itself.
    */
    names(): Array<string>;
    /**
    * Copies a value into the guest; none where the secret has no such value. Don't log it.
    */
    reveal(name: string): string | undefined;
    [Symbol.dispose](): void;
  }
}
