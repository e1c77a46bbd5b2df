// Inference: models that the app declares under `models:`, by wasi:nn.
import { loadByName } from 'wasi:nn/graph@0.2.0-rc-2024-10-28';
import { Tensor, type TensorType } from 'wasi:nn/tensor@0.2.0-rc-2024-10-28';

export type { TensorType };

/** Why a model gave nothing. */
export class InferenceError extends Error {}

/** Runs a model of one input; its first output as the model has it, little endian. */
export function infer(model: string, dimensions: number[], type: TensorType, data: Uint8Array): Uint8Array {
  try {
    const execution = loadByName(model).initExecutionContext();
    const outputs = execution.compute([['0', new Tensor(Uint32Array.from(dimensions), type, data)]]);
    return outputs[0]![1].data();
  } catch (thrown) {
    const failure = (thrown as { payload?: { data(): string } }).payload;
    throw failure ? new InferenceError(failure.data()) : thrown;
  }
}
