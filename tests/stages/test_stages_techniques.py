"""Every technique on every family of models: it trains, says what it did, exports, and the file computes the same."""

import json

import pytest
from stage_runs import Ran, configured, ran

from pipeline.engine.errors import InputError
from pipeline.models.files import load_model

FAMILIES = {
    "mlp": ("++model.units=[32,16]",),
    "cnn": ("++model.filters=[8,8]", "++model.units=16"),
    "resnet": ("++model.filters=[8,16]", "++model.blocks=1"),
    "mobilenet": ("++model.stem=8", "++model.filters=[8,16]", "++model.blocks=1"),
}
QUICK = ("epochs=2", "batch_size=128")

TECHNIQUES = {
    "unstructured": ("prune", "final_sparsity=0.6"),
    "2:4": ("prune", "final_sparsity=0.5", "pattern=2:4"),
    "blocks": ("prune", "final_sparsity=0.5", "pattern=blocks"),
    "channels": ("prune_channels", "share=0.5"),
    "clusters": ("cluster", "clusters=8"),
    "separable": ("separate", "rank=2"),
    "low rank": ("factorize", "share=0.5"),
    "dynamic": ("quantize", "scheme=dynamic"),
    "float16": ("quantize", "scheme=float16"),
    "int8": ("quantize", "scheme=int8"),
    "int16x8": ("quantize", "scheme=int16x8"),
    "aware": ("quantize_aware",),
}
"""The stage of each, and its settings."""

NOTHING_TO_DO = {
    ("separable", "mlp"): "no layer",
    ("low rank", "resnet"): "no layer",
    ("low rank", "mobilenet"): "no layer",
}
"""What a technique can't change it says in a note of these words."""

REFUSED = {("blocks", "resnet"), ("blocks", "mobilenet")}
"""They have no Dense layer of more inputs than a block."""

BASE = "+stage@stages.base=train"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("techniques")


@pytest.fixture(scope="module")
def models(folder, digits) -> dict[str, Ran]:
    return {
        family: ran(configured("train", *settings, *QUICK, "epochs=6", model=family), folder / family, data=digits)
        for family, settings in FAMILIES.items()
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_technique_changes_a_model_or_says_that_it_did_not(technique, family, digits, models, tmp_path):
    stage, *settings = TECHNIQUES[technique]
    trains = () if stage == "quantize" else QUICK
    model = FAMILIES[family]
    made = configured(stage, BASE, *model, "inputs.model=base", *trains, *settings, model=family)
    before = models[family].artifact.path("weights.sha256").read_text()
    if (technique, family) in REFUSED:
        with pytest.raises(InputError, match="no layer to prune; accepted: Dense layers of more than 16 inputs"):
            ran(made, tmp_path / "done", data=digits, model=models[family])
        return
    done = ran(made, tmp_path / "done", data=digits, model=models[family])
    assert models[family].artifact.path("weights.sha256").read_text() == before
    expected = NOTHING_TO_DO.get((technique, family))
    assert [note for note in done.notes if expected and expected in note] or not expected
    if made.produces == "model":
        assert load_model(done.files / "model.keras").output_shape == (None, 10)
    exported = ran(
        configured(
            "export",
            BASE,
            f"+stage@stages.made={stage}",
            "++stages.made.inputs.model=base",
            "inputs.model=made",
            "formats=[tflite]",
        ),
        tmp_path / "exported",
        data=digits,
        model=done,
    )  # refuses a float32 file that differs from its model
    (agreement,) = json.loads((exported.files / "export.json").read_text())["checks"].values()
    assert agreement["same_class"] >= 0.9


@pytest.mark.parametrize("technique", [name for name, (stage, *_) in TECHNIQUES.items() if stage != "quantize"])
def test_a_technique_that_was_killed_after_an_epoch_ends_with_the_weights_of_one_that_was_not(
    technique, digits, models, tmp_path
):
    stage, *settings = TECHNIQUES[technique]
    made = configured(stage, BASE, *FAMILIES["cnn"], "inputs.model=base", *QUICK, *settings, model="cnn")
    whole = ran(made, tmp_path / "whole", data=digits, model=models["cnn"])
    resumed = ran(made, tmp_path / "resumed", interrupted=whole, data=digits, model=models["cnn"])
    digests = [each.artifact.path("weights.sha256").read_text() for each in (whole, resumed)]
    assert digests[0] == digests[1]
    histories = [json.loads(each.artifact.path("history.json").read_text()) for each in (whole, resumed)]
    assert histories[0] == histories[1]
    assert len(histories[0]) == 2
