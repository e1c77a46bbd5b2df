"""CPU microseconds per inference of TensorFlow Lite with XNNPACK, one thread.

Usage: xnnpack.py MODEL INPUT N

INPUT holds one or more inputs of the model, one after the other, raw. N inferences make a round; five rounds are
run after a warm-up. Prints one line in the format of `crates/nn/examples/infer.rs`, so that both can be compared:
`<engine> cpu_us median=<m> min=<a> max=<b> rounds=5 iterations=<n> digest=<sum of the output bytes>`.

Needs numpy and either `ai-edge-litert` or `tensorflow-cpu`.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROUNDS = 5


def interpreter(path):
    """The interpreter of whichever package is installed: XNNPACK is the default delegate of both."""
    try:
        from ai_edge_litert.interpreter import Interpreter
        return "litert-xnnpack", Interpreter(model_path=path, num_threads=1)
    except ImportError:
        import tensorflow as tf
        return f"tflite-{tf.__version__}-xnnpack", tf.lite.Interpreter(model_path=path, num_threads=1)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    import numpy as np

    name, engine = interpreter(sys.argv[1])
    engine.allocate_tensors()
    source, sink = engine.get_input_details()[0], engine.get_output_details()[0]
    data = np.fromfile(sys.argv[2], dtype=source["dtype"])
    size = int(np.prod(source["shape"]))
    inputs = data[: len(data) // size * size].reshape(-1, *source["shape"])
    iterations = int(sys.argv[3])

    digest = 0
    for tensor in inputs:
        engine.set_tensor(source["index"], tensor)
        engine.invoke()
        digest += int(engine.get_tensor(sink["index"]).view(np.uint8).astype(np.uint64).sum())

    rounds = []
    for _ in range(ROUNDS):
        spent = 0.0
        for i in range(iterations):
            engine.set_tensor(source["index"], inputs[i % len(inputs)])
            start = time.process_time()
            engine.invoke()
            spent += time.process_time() - start
        rounds.append(spent / iterations * 1e6)
    print(
        f"{name} cpu_us median={statistics.median(rounds):.0f} min={min(rounds):.0f} max={max(rounds):.0f} "
        f"rounds={ROUNDS} iterations={iterations} digest={digest}"
    )


if __name__ == "__main__":
    main()
