declare module 'wasi:nn/tensor@0.2.0-rc-2024-10-28' {
  /** The type of the elements of a tensor. */
  export type TensorType = 'FP16' | 'FP32' | 'FP64' | 'BF16' | 'U8' | 'I32' | 'I64';

  export class Tensor {
    constructor(dimensions: Uint32Array, type: TensorType, data: Uint8Array);
    dimensions(): Uint32Array;
    ty(): TensorType;
    data(): Uint8Array;
  }
}

declare module 'wasi:nn/graph@0.2.0-rc-2024-10-28' {
  import type { Tensor } from 'wasi:nn/tensor@0.2.0-rc-2024-10-28';

  export interface GraphExecutionContext {
    compute(inputs: Array<[string, Tensor]>): Array<[string, Tensor]>;
  }

  export class Graph {
    initExecutionContext(): GraphExecutionContext;
  }

  /** A model that the app declares. */
  export function loadByName(name: string): Graph;
}
