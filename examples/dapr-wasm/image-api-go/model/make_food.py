"""Makes `food.tflite`, `labels.txt` and `expected.json`: the small model that the demo's classify function asks.

Needs, beside Python 3.11 or later:

    apt-get install fonts-noto-color-emoji        # the drawings: Noto Color Emoji, SIL Open Font License 1.1
    python3 -m venv venv-food
    venv-food/bin/pip install tensorflow-cpu==2.21.0 pillow==13.0.0 scikit-image==0.26.0

Run from any folder, in this order; the first two take the time (some 15 minutes of CPU in all, 4 GB of memory):

    venv-food/bin/python make_food.py train       # draws, learns, writes food.weights.h5 (not committed)
    venv-food/bin/python make_food.py refine      # learns on from there with fresh pictures, at a smaller rate
    venv-food/bin/python make_food.py quantise    # writes food.tflite and labels.txt, measures, fills MODEL_CARD.md
    venv-food/bin/python make_food.py expected    # asks the model about the sample pictures, writes expected.json

All chance is seeded; another CPU or another version of TensorFlow rounds otherwise and so gives another
file that is as good. `food_pictures.py` draws what is learned from.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from food_pictures import FONT, LABELS, SIDE, draw_set
from PIL import Image

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "web-port" / "static" / "samples"
MODEL, WEIGHTS, CARD = HERE / "food.tflite", HERE / "food.weights.h5", HERE / "MODEL_CARD.md"

SEED = 20
THREADS = 2
ROUNDS = 4
PICTURES_A_ROUND = 10_000
# Fresh pictures, the share of them without food, and the passes over all fresh ones so far. The second
# time brings more of no food, which the model is too ready to take for some.
REFINEMENTS = [(20_000, 0.15, 3), (10_000, 0.35, 1)]
BATCH = 64
BACKGROUND_SHARE = 0.15
HELD_OUT_PICTURES = 6_000
CALIBRATION_PICTURES = 400

# Channels and strides. Three ordinary convolutions bring the picture to an eighth of its size at little
# cost; then MobileNet's pairs, a convolution for each channel and one that mixes the channels.
STEM = [(16, 2), (32, 2), (64, 2)]
PAIRS = [(128, 1), (192, 2), (256, 1)]

# The guest's words: over 200 "is very likely", over 125 "is likely", over 50 "could be".
VERY_LIKELY, LIKELY, COULD_BE = 200, 125, 50


def tensorflow():
    """TensorFlow, quiet and with few threads; imported late so that the drawing process stays small."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(SEED)
    return tf


def build(tf, batch_size=None, dropout=0.1):
    """The network. The batch is fixed at 1 for the converter, so that no operator computes a shape."""
    layers = tf.keras.layers

    def normalised(x, layer):
        return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.97)(layer(x)))

    picture = tf.keras.Input((SIDE, SIDE, 3), batch_size=batch_size, name="input")
    x = picture
    for channels, stride in STEM:
        x = normalised(x, layers.Conv2D(channels, 3, stride, padding="same", use_bias=False))
    for channels, stride in PAIRS:
        x = normalised(x, layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False))
        x = normalised(x, layers.Conv2D(channels, 1, use_bias=False))
    x = layers.Flatten()(layers.AveragePooling2D(x.shape[1])(x))
    x = layers.Dense(len(LABELS))(layers.Dropout(dropout)(x))
    return tf.keras.Model(picture, layers.Softmax(name="scores")(x))


def train(font):
    """Learns from pictures that a second process draws, in each round from those of all rounds so far."""
    tf = tensorflow()
    model = build(tf)
    compile_for(tf, model, 3e-3, sum(PICTURES_A_ROUND * (i + 1) // BATCH for i in range(ROUNDS)))
    drawn = []
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as artist:
        sets = [
            artist.submit(draw_set, "train", SEED + i, PICTURES_A_ROUND, BACKGROUND_SHARE, font) for i in range(ROUNDS)
        ]
        while sets:
            drawn.append(sets.pop(0).result())
            learn(tf, model, *(np.concatenate(parts) for parts in zip(*drawn, strict=True)))
            model.save_weights(WEIGHTS)


def refine(font):
    """Learns on from the kept weights with fresh pictures, at a rate that starts lower."""
    tf = tensorflow()
    model = build(tf)
    model.load_weights(WEIGHTS)
    drawn = []
    for i, (count, background_share, passes) in enumerate(REFINEMENTS):
        drawn.append(draw_set("train", SEED + 100 + i, count, background_share, font))
        pictures, labels = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        compile_for(tf, model, 1e-3, passes * (len(pictures) // BATCH))
        for seed in range(passes):
            learn(tf, model, pictures, labels, seed)
        model.save_weights(WEIGHTS)


def compile_for(tf, model, rate, steps):
    """Adam whose rate rises to `rate` in the first twentieth of the steps and then falls along a cosine."""
    schedule = tf.keras.optimizers.schedules.CosineDecay(
        1e-4, steps, 1e-2, warmup_target=rate, warmup_steps=steps // 20
    )
    model.compile(tf.keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])


def learn(tf, model, pictures, labels, seed=0):
    """One pass over the pictures in random order, each mirrored by chance so that the passes differ."""
    rng = np.random.default_rng(len(pictures) + seed)
    batches = len(pictures) // BATCH
    indices = rng.permutation(len(pictures))[: batches * BATCH].reshape(batches, BATCH)

    def shuffled():
        for batch in indices:
            chosen = pictures[batch].astype(np.float32) / 255
            mirrored = rng.random(BATCH) < 0.5
            chosen[mirrored] = chosen[mirrored, :, ::-1]
            yield chosen, labels[batch]

    shapes = (tf.TensorSpec((BATCH, SIDE, SIDE, 3)), tf.TensorSpec((BATCH,), tf.int32))
    data = tf.data.Dataset.from_generator(shuffled, output_signature=shapes).prefetch(2)
    model.fit(data, steps_per_epoch=batches, verbose=2)


def quantise(font):
    """Full-integer quantisation of the kept weights, then the figures of the model card."""
    tf = tensorflow()
    model = build(tf, batch_size=1)
    model.load_weights(WEIGHTS)
    seen, _ = draw_set("train", SEED + ROUNDS, CALIBRATION_PICTURES, BACKGROUND_SHARE, font)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([p[None].astype(np.float32) / 255] for p in seen)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    MODEL.write_bytes(name_tensors(converter.convert()))
    (HERE / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    measure(tf, font)


def name_tensors(model):
    """Gives input and output the names that a guest asks for; the converter's own tell of its insides."""
    from tensorflow.lite.tools import flatbuffer_utils

    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    graph = parsed.subgraphs[0]
    graph.tensors[graph.inputs[0]].name = b"input"
    graph.tensors[graph.outputs[0]].name = b"scores"
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def interpreter(tf):
    """A function from a uint8 picture to the model's uint8 scores, by TensorFlow Lite itself."""
    lite = tf.lite.Interpreter(str(MODEL), num_threads=1)
    lite.allocate_tensors()
    source, result = lite.get_input_details()[0]["index"], lite.get_output_details()[0]["index"]

    def scores(picture):
        lite.set_tensor(source, picture[None])
        lite.invoke()
        return lite.get_tensor(result)[0]

    return scores


def measure(tf, font):
    """Draws the held-out pictures, asks both models, and writes the figures into the model card."""
    pictures, labels = draw_set("held_out", SEED + 1000, HELD_OUT_PICTURES, BACKGROUND_SHARE, font)
    whole = build(tf)
    whole.load_weights(WEIGHTS)
    float_top = np.concatenate([whole(p.astype(np.float32) / 255).numpy() for p in np.split(pictures, 60)]).argmax(1)
    ask = interpreter(tf)
    scores = np.stack([ask(p) for p in pictures])
    figures = card_figures(labels, float_top, scores)
    print(figures)
    if CARD.exists():
        before, rest = CARD.read_text().split("<!-- figures -->\n", 1)
        after = rest.split("<!-- end of figures -->\n", 1)[1]
        CARD.write_text(f"{before}<!-- figures -->\n{figures}<!-- end of figures -->\n{after}")


def card_figures(labels, float_top, scores):
    """The measured part of the model card, in Markdown."""
    top, best, food = scores.argmax(1), scores.max(1), labels > 0
    right = top == labels
    rows = [
        ("held-out pictures", f"{len(labels)} ({food.sum()} with food, {(~food).sum()} without)"),
        ("top-1, float", f"{(float_top == labels).mean():.1%}"),
        ("top-1, quantised", f"{right.mean():.1%}"),
        ("top-1, quantised, pictures with food", f"{right[food].mean():.1%}"),
        ("no food, and said so", f"{right[~food].mean():.1%}"),
        ("no food, but a food over 50", f"{((top > 0) & (best > COULD_BE))[~food].mean():.1%}"),
        ("with food, right and over 125", f"{(right & (best > LIKELY))[food].mean():.1%}"),
        ("with food, right and over 200", f"{(right & (best > VERY_LIKELY))[food].mean():.1%}"),
        ("with food, another food over 125", f"{(~right & (top > 0) & (best > LIKELY))[food].mean():.1%}"),
        ("file", f"{MODEL.stat().st_size} bytes, sha256 `{hashlib.sha256(MODEL.read_bytes()).hexdigest()}`"),
    ]
    table = "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)
    return f"{table}\nWeakest classes, quantised:\n\n{weakest(labels, top)}"


def weakest(labels, top, count=10):
    """The classes that are missed most, each with what is said in its place."""
    lines = []
    for label in range(len(LABELS)):
        answers = top[labels == label]
        wrong = np.bincount(answers[answers != label], minlength=len(LABELS))
        mistaken = ", ".join(f"{LABELS[i]} {wrong[i]}" for i in np.argsort(-wrong)[:3] if wrong[i])
        lines.append(((answers == label).mean(), f"| {LABELS[label]} | {len(answers)} | ", f" | {mistaken} |\n"))
    lines.sort()
    head = "| class | pictures | top-1 | taken for |\n|---|---|---|---|\n"
    return head + "".join(f"{name}{share:.1%}{mistaken}" for share, name, mistaken in lines[:count])


def expected(_font):
    """What the model says of each sample picture, reduced by Pillow's antialiased bilinear filter."""
    ask = interpreter(tensorflow())
    answers = []
    for sample in json.loads((SAMPLES / "samples.json").read_text()):
        # As the hosts' decoders do: the first frame of an animation, transparency dropped.
        picture = Image.open(SAMPLES / sample["file"]).convert("RGB")
        scores = ask(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)))
        best = [int(i) for i in np.argsort(-scores.astype(int), kind="stable")[:3]]
        answers.append({
            "file": sample["file"],
            "label": LABELS[best[0]],
            "value": int(scores[best[0]]),
            "best": [{"index": i, "label": LABELS[i], "value": int(scores[i])} for i in best],
        })  # fmt: skip
        print(answers[-1]["file"], *((b["label"], b["value"]) for b in answers[-1]["best"]))
    whole = {
        "model": MODEL.name,
        "sha256": hashlib.sha256(MODEL.read_bytes()).hexdigest(),
        "width": SIDE,
        "height": SIDE,
        "resize": "Pillow BILINEAR (antialiased when reducing)",
        "samples": answers,
    }
    (HERE / "expected.json").write_text(json.dumps(whole, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("step", choices=["train", "refine", "quantise", "expected"])
    parser.add_argument("--font", default=FONT, help="the colour emoji font (%(default)s)")
    arguments = parser.parse_args()
    {"train": train, "refine": refine, "quantise": quantise, "expected": expected}[arguments.step](arguments.font)


if __name__ == "__main__":
    main()
