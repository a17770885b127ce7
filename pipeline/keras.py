"""The one door to TensorFlow and to Keras 2 (`tf_keras`), which TFMOT and Horovod need.

Importing this module costs 6 to 10 seconds, so everything that can answer without TensorFlow imports it late.
"""

import gc
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# What is imported stays; to look through it for garbage again and again takes time.
_collects = gc.isenabled()
gc.disable()
try:
    import tensorflow as tf
    import tf_keras as keras
    from tensorflow.python.autograph.core import config as autograph
finally:
    if _collects:
        gc.enable()

# AutoGraph rewrites a function before it is traced, so that Python's `if` and loops work on tensors, except in packages
# that it knows not to need it. These two don't either.
# `scripts/bench_tracing.py` measures what both save.
autograph.CONVERSION_RULES = (
    *(autograph.DoNotConvert(name) for name in ("pipeline", "tensorflow_model_optimization")),
    *autograph.CONVERSION_RULES,
)

__all__ = ["LOGICAL_CPUS", "keras", "tf"]

LOGICAL_CPUS = "FRUGAL_LOGICAL_CPUS"
"""The environment variable that says how many logical CPU devices TensorFlow starts with; it can't add any later."""

if (_count := int(os.environ.get(LOGICAL_CPUS, "1"))) > 1:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * _count
    )
