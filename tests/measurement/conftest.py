"""Real models, converted once by TensorFlow, and hand-made flatbuffers for what it does not produce."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """Paths of converted models by name, the Keras models, and test arrays."""
    from pipeline.keras import keras, tf

    folder = tmp_path_factory.mktemp("zoo")
    layers = keras.layers
    noise = np.random.default_rng(0)

    def randomized(model):
        # No zeros and no repeats, for the converter drops zero biases and merges equal constants.
        model.set_weights(
            [noise.uniform(0.1, 1, weight.shape) * noise.choice([-1, 1]) for weight in model.get_weights()]
        )
        return model

    dense = randomized(keras.Sequential([layers.Input((6,)), layers.Dense(5, "relu"), layers.Dense(3)]))
    conv = randomized(
        keras.Sequential(
            [
                layers.Input((8, 8, 3)),
                layers.Conv2D(4, 3, padding="same", activation="relu"),
                layers.DepthwiseConv2D(3, strides=2, padding="same"),
                layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(3, activation="softmax"),
            ]
        )
    )
    normalized = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    normalized.set_weights([noise.uniform(0.1, 1, weight.shape) for weight in normalized.get_weights()])
    blocks = randomized(keras.Sequential([layers.Input((64,)), layers.Dense(64, use_bias=False), layers.Dense(4)]))
    kernel, *rest = blocks.get_weights()
    kernel[:, 16:] = 0
    blocks.set_weights([kernel, *rest])
    regressor = randomized(keras.Sequential([layers.Input((6,)), layers.Dense(5, "relu"), layers.Dense(1)]))
    labels = randomized(keras.Sequential([layers.Input((6,)), layers.Dense(3)]))
    broken = keras.Sequential([layers.Input((6,)), layers.Dense(3)])
    broken.set_weights([np.full((6, 3), np.nan), np.ones(3)])

    examples = {
        "dense": noise.normal(size=(40, 6)).astype(np.float32),
        "conv": noise.normal(size=(40, 8, 8, 3)).astype(np.float32),
    }
    arrays = {}
    for name, model in (("dense", dense), ("conv", conv)):
        classes = model(examples[name], training=False).numpy().argmax(axis=1)
        for suffix, array in (("x", examples[name]), ("y", classes), ("wrong", (classes + 1) % 3)):
            arrays[f"{name}_{suffix}"] = folder / f"{name}_{suffix}.npy"
            np.save(arrays[f"{name}_{suffix}"], array)

    paths = {}

    def convert(name, model, **options):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        for option, value in options.items():
            setattr(converter, option, value)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected", UserWarning)
            content = converter.convert()
        paths[name] = folder / f"{name}.tflite"
        paths[name].write_bytes(content)

    default = [tf.lite.Optimize.DEFAULT]
    for name, model in (("dense", dense), ("conv", conv), ("normalized", normalized), ("blocks", blocks)):
        convert(name, model)
    convert("regressor", regressor)
    convert("labels", labels)
    convert("broken", broken)
    convert("sparse", blocks, optimizations=[tf.lite.Optimize.EXPERIMENTAL_SPARSITY])
    convert(
        "conv_float16",
        conv,
        optimizations=default,
        target_spec=tf.lite.TargetSpec(supported_types=[tf.float16]),
    )
    for kind in ("int8", "uint8"):
        convert(
            f"conv_{kind}",
            conv,
            optimizations=default,
            representative_dataset=lambda: ([example[None]] for example in examples["conv"]),
            target_spec=tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]),
            inference_input_type=getattr(tf, kind),
            inference_output_type=getattr(tf, kind),
        )
    for name, model in (("dense", dense), ("regressor", regressor), ("labels", labels)):
        convert(
            f"{name}_int8",
            model,
            optimizations=default,
            representative_dataset=lambda: ([example[None]] for example in examples["dense"]),
            target_spec=tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]),
            inference_input_type=tf.int8,
            inference_output_type=tf.int8,
        )
    keras_models = {
        "dense": dense,
        "regressor": regressor,
        "labels": labels,
        "conv": conv,
        "normalized": normalized,
        "blocks": blocks,
    }
    return SimpleNamespace(paths=paths, models=keras_models, arrays=arrays)


@pytest.fixture
def write_model(tmp_path):
    """Writes a flatbuffer of one operator: its name, its tensors as (type, shape, bytes, zero points), its inputs."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def write(op, tensors, inputs, options=None, custom=None):
        model = schema.ModelT(version=3, buffers=[schema.BufferT()])
        graph = schema.SubGraphT(inputs=[0], outputs=[len(tensors) - 1], tensors=[])
        for kind, shape, data, zero_points in tensors:
            number = 0
            if data is not None:
                number = len(model.buffers)
                model.buffers.append(schema.BufferT(data=np.frombuffer(data, np.uint8)))
            quantization = schema.QuantizationParametersT(scale=[1.0] * len(zero_points or []), zeroPoint=zero_points)
            graph.tensors.append(
                schema.TensorT(
                    type=getattr(schema.TensorType, kind),
                    shape=[max(size, 1) for size in shape],
                    shapeSignature=shape if -1 in shape else None,
                    buffer=number,
                    name="t",
                    quantization=quantization if zero_points else None,
                )
            )
        code = getattr(schema.BuiltinOperator, op)
        model.operatorCodes = [
            schema.OperatorCodeT(deprecatedBuiltinCode=min(code, 127), builtinCode=code, customCode=custom, version=1)
        ]
        operator = schema.OperatorT(inputs=inputs, outputs=[len(tensors) - 1])
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        graph.operators = [operator]
        model.subgraphs = [graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path = tmp_path / "handmade.tflite"
        path.write_bytes(bytes(builder.Output()))
        return path

    return write
