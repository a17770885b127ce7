import numpy as np
import pytest
from real_data import Column, breast_cancer, diabetes, digits, mixed

from pipeline.keras import keras
from pipeline.models.inputs import EMBEDDING, image_input, table_input


def encoder(columns):
    keras.utils.set_random_seed(0)
    return keras.Model(*table_input(columns))


def encoded_slowly(model, columns, table):
    """Column by column: what `scaling` and each embedding have to give, numbers first."""
    numbers, vectors = [], []
    for place, (column, values) in enumerate(zip(columns, table.T, strict=True), start=1):
        if column.kind == "numeric":
            numbers.append((values - column.mean) / np.sqrt(column.variance))
        else:
            embedding = model.get_layer(f"embedding_{place}").embeddings.numpy()
            vectors.append(np.stack([embedding[int(code)] for code in values]))
    return np.concatenate([*([np.stack(numbers, 1)] if numbers else []), *vectors], axis=1)


def test_images_are_divided_by_their_scale():
    images = digits().train.features[:16].astype(np.float32)
    features, scaled = image_input((8, 8, 1), scale=16.0)
    np.testing.assert_allclose(keras.Model(features, scaled)(images), images / 16, rtol=1e-6)


N, C = Column("n", "numeric", mean=3.0, variance=4.0), Column("c", "categorical", ("a", "b", "d"))
WIDE = Column("w", "categorical", tuple(f"{number:03d}" for number in range(100)))
LAYOUTS = {
    "N": [N],
    "NN": [N, N],
    "C": [C],
    "CC": [C, WIDE],
    "NC": [N, C],
    "CN": [C, N],
    "NNCNNCN": [N, N, C, N, N, WIDE, N],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_encoded_column_by_column(layout):
    columns, noise = LAYOUTS[layout], np.random.default_rng(0)
    model = encoder(columns)
    table = np.stack(
        [
            noise.normal(3, 2, 50) if each.kind == "numeric" else noise.integers(0, len(each.vocabulary) + 1, 50)
            for each in columns
        ],
        axis=1,
    ).astype(np.float32)
    outputs = model(table).numpy()
    assert outputs.shape[1] == sum(1 if each is N else min(EMBEDDING, len(each.vocabulary)) for each in columns)
    np.testing.assert_allclose(outputs, encoded_slowly(model, columns, table), atol=1e-5)
    assert (model.input.name, model.input_shape) == ("features", (None, len(columns)))


@pytest.mark.parametrize("data", [breast_cancer, diabetes, mixed])
def test_the_numbers_of_real_tables_have_mean_0_and_variance_1(data):
    numbers = sum(column.kind == "numeric" for column in data().columns)
    outputs = encoder(data().columns)(data().train.features).numpy()[:, :numbers]
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(outputs.std(axis=0), 1, atol=1e-3)


def test_a_table_of_numbers_alone_has_one_layer():
    assert [layer.name for layer in encoder([N, N]).layers] == ["features", "scaling"]


def test_the_vector_of_unknown_texts_is_0_and_training_leaves_it_there():
    data = mixed()
    features, encoded = table_input(data.columns)
    model = keras.Model(features, keras.layers.Dense(2)(encoded))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(data.train.features, data.train.labels, verbose=0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Embedding):
            vectors = layer.embeddings.numpy()
            assert (vectors[0] == 0).all()
            assert (vectors[1:] != 0).all()


def test_a_code_beyond_the_vocabulary_is_refused_and_not_another_category():
    with pytest.raises(Exception, match="is not in"):
        encoder([C, N])(np.array([[4.0, 0.0]], np.float32))


def test_a_column_without_a_text_is_taken():
    assert encoder([N, Column("empty", "categorical")])(np.zeros((2, 2), np.float32)).shape == (2, 2)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([], "a table without columns; accepted: 1 or more"),
        ([Column("x", "text")], "a column of kind 'text'; accepted: numeric, categorical"),
    ],
)
def test_no_columns_and_unknown_kinds_are_refused(columns, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        table_input(columns)
