"""The one door to TFMOT and to those of its parts that its own interface leaves out.

TFMOT looks for a module of an old Keras, `keras.engine`, and so imports all of Keras 3, about 2 core-seconds in each
process, to find that it is not there. Here it finds out at once.
"""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
if _free := "keras" not in _modules:
    _modules["keras"] = None
try:
    import tensorflow_model_optimization as tfmot
    from tensorflow_model_optimization.python.core.clustering.keras.cluster_config import GradientAggregation
    from tensorflow_model_optimization.python.core.clustering.keras.experimental.cluster import cluster_weights
    from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
        cluster_preserve_quantize_registry as cluster_preserve,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.prune_preserve import (
        prune_preserve_quantize_registry as prune_preserve,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs,
        default_8bit_quantize_layout_transform,
        default_8bit_quantize_registry,
        default_8bit_quantize_scheme,
        default_8bit_transforms,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.graph_transformations import model_transformer
finally:
    if _free:
        del _modules["keras"]

Default8BitOutputQuantizeConfig = default_8bit_quantize_configs.Default8BitOutputQuantizeConfig
Default8BitQuantizeRegistry = default_8bit_quantize_registry.Default8BitQuantizeRegistry

__all__ = [
    "Default8BitOutputQuantizeConfig",
    "Default8BitQuantizeRegistry",
    "GradientAggregation",
    "cluster_preserve",
    "cluster_weights",
    "default_8bit_quantize_configs",
    "default_8bit_quantize_layout_transform",
    "default_8bit_quantize_registry",
    "default_8bit_quantize_scheme",
    "default_8bit_transforms",
    "model_transformer",
    "prune_preserve",
    "tfmot",
]
