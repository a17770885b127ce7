"""What SGD and Adam do beyond a step on dense gradients: sparse ones, narrow state, rates that change, files."""

import numpy as np
import pytest
from optimizer_cases import OURS, STOCK, far, follow, gradients, start, variables

from pipeline.keras import keras, tf
from pipeline.optimizers import SGD, Adam

ROWS, WIDTH = 50, 4
SPARSE = {
    "sgd": ("sgd", {}),
    "sgd, momentum": ("sgd", {"momentum": 0.875}),
    "sgd, nesterov, decay": ("sgd", {"momentum": 0.875, "nesterov": True, "weight_decay": 0.125}),
    "adam": ("adam", {}),
    "adam, amsgrad, decay": ("adam", {"amsgrad": True, "weight_decay": 0.125}),
}


def slices(step):
    """A gradient of a few rows, one of them twice."""
    noise = np.random.default_rng(step)
    indices = np.append(noise.choice(ROWS, 5, replace=False), 3)
    return tf.IndexedSlices(
        tf.constant(noise.normal(size=(6, WIDTH))), tf.constant(indices), tf.constant([ROWS, WIDTH])
    )


def look_up(optimizer, steps, dense):
    table = tf.Variable(np.random.default_rng(9).normal(size=(ROWS, WIDTH)))
    optimizer.build([table])
    for step in steps:
        given = slices(step)
        optimizer.apply_gradients([(tf.convert_to_tensor(given) if dense else given, table)])
    return [table.numpy()]


@pytest.mark.parametrize(("kind", "options"), SPARSE.values(), ids=SPARSE)
def test_a_sparse_gradient_does_what_the_dense_one_does(kind, options):
    found = [look_up(OURS[kind](**options), range(20), dense) for dense in (False, True)]
    assert far(*found) < 1e-14
    assert far(found[0], look_up(STOCK[kind](**options), range(20), False)) < 1e-6


@pytest.mark.parametrize(("kind", "options"), SPARSE.values(), ids=SPARSE)
def test_a_lazy_update_touches_the_rows_of_the_batch_only(kind, options):
    before = look_up(OURS[kind](**options), [], False)[0]
    after = look_up(OURS[kind](sparse_update="lazy", **options), [0, 0, 0], False)[0]
    used = np.unique(slices(0).indices)
    assert np.array_equal(np.delete(after, used, 0), np.delete(before, used, 0))
    assert np.all(after[used] != before[used])
    same_rows = look_up(OURS[kind](**options), [0, 0, 0], False)[0]
    assert far([after[used]], [same_rows[used]]) < 1e-12, "on rows used at every step both are one algorithm"


def test_a_row_used_again_finds_its_lazy_state_as_it_left_it():
    optimizer = Adam(0.5, sparse_update="lazy")
    once = look_up(optimizer, [0, 1, 2, 3], False)[0]
    eager = look_up(Adam(0.5), [0, 1, 2, 3], False)[0]
    assert far([once], [eager]) > 1e-3


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("bfloat16", 2), ("int8", 1)])
@pytest.mark.parametrize("kind", OURS)
def test_a_narrow_state_takes_its_bytes_and_no_more(kind, dtype, size):
    optimizer = OURS[kind](state_dtype=dtype, **({"momentum": 0.9} if kind == "sgd" else {}))
    optimizer.build(variables(start()))
    values = sum(each.size for each in start())
    for found in optimizer.memory().values():
        assert size * values <= found <= 1.04 * size * values + 4 * 2048


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
@pytest.mark.parametrize(("kind", "own"), [("sgd", {"momentum": 0.9}), ("adam", {}), ("adam", {"amsgrad": True})])
def test_a_narrow_state_moves_weights_as_a_wide_one(kind, own, dtype):
    wide = follow(OURS[kind](**own), start(), gradients(200))
    narrow = follow(OURS[kind](state_dtype=dtype, **own), start(), gradients(200))
    way = [each - first for each, first in zip(wide, start(), strict=True)]
    found = [each - first for each, first in zip(narrow, start(), strict=True)]
    assert 0 < far(found, way) < {"bfloat16": 0.01, "int8": 0.03}[dtype]


def test_rounded_to_the_nearest_a_bfloat16_state_would_stall():
    from pipeline.optimizers.slots import Bfloat16Slot, draw_noise

    ends = []
    for rounded_at_random in (True, False):
        slot = Bfloat16Slot(lambda shape, dtype, name: tf.Variable(tf.ones(shape, dtype)), (4000,), "v")
        for step in range(100):
            noise = draw_noise("bfloat16", 4000, tf.constant(step, tf.int64)) if rounded_at_random else None
            slot.write(slot.read() * 0.999, noise)
        ends.append(float(tf.reduce_mean(slot.read())))
    assert ends == [pytest.approx(0.999**100, rel=2e-3), 1.0]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("count", [5, 2048, 4096, 100_000])
def test_an_int8_state_comes_back_within_its_resolution(signed, count):
    from pipeline.optimizers.slots import Int8Slot

    values = np.random.default_rng(0).normal(size=count).astype("float32") ** (1 if signed else 2)
    slot = Int8Slot(
        lambda shape, dtype, name, initializer=None: tf.Variable(tf.zeros(shape, dtype)), (count,), "v", signed=signed
    )
    slot.write(tf.constant(values), None)
    found = slot.read().numpy()
    power, levels = (2, 127) if signed else (4, 255)
    share = np.abs(values) / np.abs(values).max()
    code = np.maximum(levels * share ** (1 / power), 0.5)
    allowed = np.abs(values).max() * ((code + 0.51) ** power - code**power) / levels**power
    assert np.all(np.abs(found - values) <= allowed + 1e-9)
    assert np.all(found * values >= 0)


@pytest.mark.parametrize("kind", OURS)
def test_a_variable_as_learning_rate_stays_the_callers(kind):
    rate = tf.Variable(0.5)
    optimizer = OURS[kind](rate)
    weights = variables(start())
    step = tf.function(lambda given: optimizer.apply_gradients(zip(given, weights, strict=True)))
    step([tf.constant(each) for each in start(seed=5)])
    before = [each.numpy() for each in weights]
    rate.assign(0.0)
    step([tf.constant(each) for each in start(seed=5)])
    assert far([each.numpy() for each in weights], before) == 0
    assert optimizer.get_config()["learning_rate"] == 0.0


def test_excluded_weights_do_not_decay_by_the_setting_or_by_the_method():
    for exclude in ({"weight_decay_exclusions": ["_1", "_2"]}, {}):
        optimizer = SGD(1.0, weight_decay=0.5, **exclude)
        if not exclude:
            optimizer.exclude_from_weight_decay(var_names=["_1", "_2"])
        zeros = [[np.zeros_like(each) for each in start()]]
        ends = follow(optimizer, start(), zeros)
        assert far(ends[:1], [start()[0] / 2]) < 1e-7
        assert far(ends[1:], start()[1:]) == 0


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize(
    "own", [{}, {"state_dtype": "bfloat16"}, {"state_dtype": "int8"}, {"gradient_accumulation_steps": 2}], ids=str
)
def test_all_settings_survive_the_configuration(kind, own):
    special = {"sgd": {"momentum": 0.5, "nesterov": True}, "adam": {"amsgrad": True, "beta_1": 0.5}}[kind]
    first = OURS[kind](
        keras.optimizers.schedules.CosineDecay(0.1, 9),
        weight_decay_exclusions=["bias"],
        weight_decay=0.1,
        **special,
        **own,
    )
    second = OURS[kind].from_config(first.get_config())
    assert second.get_config() == OURS[kind].from_config(second.get_config()).get_config()
    assert far(*(follow(each, start(), gradients(5)) for each in (first, second))) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SGD(momentum=1.0), "momentum=1.0; accepted: 0 to below 1"),
        (lambda: Adam(beta_2=1.5), "beta_2=1.5; accepted: 0 to below 1"),
        (lambda: Adam(epsilon=0), "epsilon=0; accepted: above 0"),
        (lambda: Adam(state_dtype="int4"), "state_dtype=int4; accepted: float32, bfloat16, int8"),
        (lambda: SGD(sparse_update="some"), "sparse_update=some; accepted: exact, lazy"),
        (lambda: SGD(gradient_accumulation_steps=-1), "gradient_accumulation_steps=-1; accepted: None, or 1 and more"),
        (lambda: Adam(sparse_update="lazy", state_dtype="int8"), "sparse_update=lazy with state_dtype=int8"),
        (lambda: Adam(sparse_update="lazy", gradient_accumulation_steps=2), "lazy with gradient_accumulation_steps=2"),
    ],
)
def test_nonsense_is_refused_with_what_would_be_accepted(make, words):
    with pytest.raises(ValueError, match=words):
        make()
