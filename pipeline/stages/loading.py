"""What a stage that works on a trained model is given."""

from typing import Any

from pipeline.engine.stage import Context
from pipeline.stages.features import require_features


def load_together(context: Context, seed: int) -> tuple[Any, Any]:
    """Returns a stage's model and data set; whatever is random begins anew with the seed.

    Raises:
        InputError: If they don't belong together.
    """
    from pipeline.data.files import load
    from pipeline.models.files import load_model
    from pipeline.training.determinism import start

    dataset = load(context.inputs["data"].files)
    start(seed)
    model = load_model(context.inputs["model"].path("model.keras"))
    require_features(model, dataset.info)
    return model, dataset
