"""Converts Keras models to TFLite from one traced function and by `from_keras_model`, in turn, in one go.

    python scripts/bench_convert.py --repeats 5

Prints the median wall time of each in seconds and the ratio, and whether both files give the same outputs, bit for bit,
for 16 examples. Models are untrained: what a conversion takes does not depend on what they have learned.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pipeline.compression.converter import converter_of
from pipeline.compression.quantization_aware import quantization_aware
from pipeline.keras import keras, tf
from pipeline.models.cnn import cnn
from pipeline.models.inputs import image_input
from pipeline.models.mobilenet import mobilenet

EXAMPLES = np.random.default_rng(0).integers(0, 256, (16, 28, 28, 1)).astype(np.float32)


def by_keras(model: keras.Model) -> bytes:
    """Returns the file that TensorFlow's own one-liner gives."""
    return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def by_function(model: keras.Model) -> bytes:
    """Returns Frugal's."""
    with converter_of(model) as converter:
        return bytes(converter.convert())


def outputs(content: bytes) -> np.ndarray:
    """Returns what a file gives for the examples."""
    interpreter = Interpreter(model_content=content)
    serve = interpreter.get_signature_runner()
    (given,) = serve.get_input_details()
    return np.concatenate([next(iter(serve(**{given: each[np.newaxis]}).values())) for each in EXAMPLES])


def models() -> dict[str, keras.Model]:
    """Returns what is converted, by name."""
    keras.utils.set_random_seed(0)
    small = cnn(*image_input((28, 28, 1)), 10, filters=[32, 64], units=64, dropout=0.3)
    blocks = {"filters": [16, 32, 64, 128], "blocks": 2, "width": 1.0, "dropout": 0.0}
    deep = mobilenet(*image_input((28, 28, 1)), 10, stem=16, stem_stride=1, **blocks)
    return {"cnn": small, "cnn, quantization-aware": quantization_aware(small, EXAMPLES).model, "mobilenet": deep}


def main() -> None:
    """Times both in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="how often each is timed (default: %(default)s)")
    options = parser.parse_args()
    sides: dict[str, Callable[[keras.Model], bytes]] = {"from_keras_model": by_keras, "one function": by_function}
    for name, model in models().items():
        times: dict[str, list[float]] = {side: [] for side in sides}
        found = {}
        for turn in range(options.repeats + 1):
            for side, convert in sides.items():
                start = time.perf_counter()
                content = convert(model)
                if turn:  # the first loads modules
                    times[side].append(time.perf_counter() - start)
                found[side] = outputs(content)
        old, new = (statistics.median(times[side]) for side in sides)
        same = "the same outputs" if np.array_equal(*found.values()) else "OTHER OUTPUTS"
        print(f"{name:<24} from_keras_model {old:5.2f} s, one function {new:5.2f} s, {old / new:.1f}x faster; {same}")


if __name__ == "__main__":
    main()
