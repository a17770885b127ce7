"""SGD and Adam in NumPy, float64: what the Keras optimizers must compute, and something to read.

`sgd_step`, `adam_step`, `clip` and `ema` are the parts of an update, `trajectory` puts them in Keras's order. `sgd` and
`adam` use the same steps to fit a linear regression.
"""

import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

State = Mapping[str, np.ndarray]
"""What an optimizer remembers of one variable, by Keras's slot names; empty, all zeros, before the first step."""
Step = Callable[..., tuple[np.ndarray, State]]


@dataclass(frozen=True, eq=False)
class Point:
    """Where an update led: the weights, and their moving averages, one array a variable."""

    weights: list[np.ndarray]
    averages: list[np.ndarray]


def sgd_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    state: State,
    *,
    learning_rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float | None = None,
) -> tuple[np.ndarray, State]:
    """Returns the weights and the state after one step of SGD, with momentum as in Sutskever et al., 2013.

    Args:
        weights: Of any shape.
        gradient: Of the weights' shape.
        state: `m`, the velocity, of the weights' shape.
        learning_rate: Of this step. It scales the gradient before that enters `m`.
        momentum: Share of `m` that is kept, in [0, 1].
        nesterov: Whether to step to where `m` leads next.
        weight_decay: Share of the weights, times the learning rate, that is taken off before the update
            (Loshchilov and Hutter, arXiv:1711.05101).

    Raises:
        ValueError: If the gradient's shape is not the weights'.
    """
    weights, gradient = _same_shape(weights, gradient)
    weights = weights - learning_rate * (weight_decay or 0.0) * weights
    m = momentum * state.get("m", 0.0) - learning_rate * gradient
    change = momentum * m - learning_rate * gradient if nesterov else m
    return weights + change, {"m": m}


def adam_step(
    weights: np.ndarray,
    gradient: np.ndarray,
    state: State,
    *,
    step: int,
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    weight_decay: float | None = None,
) -> tuple[np.ndarray, State]:
    """Returns the weights and the state after one step of Adam (Kingma and Ba, arXiv:1412.6980).

    This is the form that the paper gives just before its section 2.1, as in Keras: epsilon stands beside the
    uncorrected root of `v`.

    Args:
        weights: Of any shape.
        gradient: Of the weights' shape.
        state: `m` and `v`, the moving averages of the gradient and of its square, and with AMSGrad `vhat`, the largest
            `v` so far; each of the weights' shape.
        step: Which step this is; the first is 1.
        learning_rate: Of this step.
        beta_1: Share of `m` that is kept, in [0, 1).
        beta_2: Share of `v` that is kept, in [0, 1).
        epsilon: Added to the root of `v`.
        amsgrad: Whether to divide by the root of `vhat` (Reddi et al., arXiv:1904.09237).
        weight_decay: Share of the weights, times the learning rate, that is taken off before the update
            (Loshchilov and Hutter, arXiv:1711.05101).

    Raises:
        ValueError: If the gradient's shape is not the weights', or the step is below 1.
    """
    if step < 1:
        raise ValueError(f"step is {step}; the first is 1, at 0 the bias correction divides by zero")
    weights, gradient = _same_shape(weights, gradient)
    weights = weights - learning_rate * (weight_decay or 0.0) * weights
    m = beta_1 * state.get("m", 0.0) + (1 - beta_1) * gradient
    v = beta_2 * state.get("v", 0.0) + (1 - beta_2) * gradient**2
    after = {"m": m, "v": v}
    divisor = v
    if amsgrad:
        after["vhat"] = divisor = np.maximum(state.get("vhat", 0.0), v)
    alpha = learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return weights - alpha * m / (np.sqrt(divisor) + epsilon), after


def clip(
    gradients: Sequence[np.ndarray],
    *,
    clipvalue: float | None = None,
    clipnorm: float | None = None,
    global_clipnorm: float | None = None,
) -> list[np.ndarray]:
    """Returns the gradients within a limit; None and 0 set none.

    As in Keras, a limit on norms makes `clipvalue` void.

    Args:
        gradients: One array a variable, of any shapes; finite.
        clipvalue: Largest magnitude of a value.
        clipnorm: Largest Euclidean norm of each gradient.
        global_clipnorm: Largest Euclidean norm of all gradients together (Pascanu et al., arXiv:1211.5063).

    Raises:
        ValueError: If both norms are limited, or a limit is negative.
    """
    for name, limit in {"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm}.items():
        if limit is not None and not limit >= 0:
            raise ValueError(f"{name} is {limit}; accepted: None or a number of at least 0")
    if clipnorm is not None and global_clipnorm is not None:
        raise ValueError(f"clipnorm is {clipnorm} and global_clipnorm {global_clipnorm}; accepted: at most one of them")
    arrays = [np.asarray(gradient, np.float64) for gradient in gradients]
    norms = [float(np.sqrt(np.sum(array**2))) for array in arrays]
    if clipnorm:
        return [array * (clipnorm / max(norm, clipnorm)) for array, norm in zip(arrays, norms, strict=True)]
    if global_clipnorm:
        return [array * (global_clipnorm / max(math.hypot(*norms), global_clipnorm)) for array in arrays]
    if clipvalue:
        return [np.clip(array, -clipvalue, clipvalue) for array in arrays]
    return arrays


def ema(average: np.ndarray, weights: np.ndarray, momentum: float) -> np.ndarray:
    """Returns the moving average of weights after one more step; `momentum` is the share of the old one.

    Raises:
        ValueError: If the average's shape is not the weights', or the momentum is outside [0, 1].
    """
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum of the average is {momentum}; accepted: 0 to 1")
    weights, average = _same_shape(weights, average)
    return momentum * average + (1 - momentum) * weights


def trajectory(
    optimizer: Literal["sgd", "adam"],
    weights: Sequence[np.ndarray],
    gradients: Iterable[Sequence[np.ndarray]],
    *,
    learning_rate: float | Callable[[int], float],
    weight_decay: float | None = None,
    exclude_from_weight_decay: Collection[int] = (),
    clipvalue: float | None = None,
    clipnorm: float | None = None,
    global_clipnorm: float | None = None,
    use_ema: bool = False,
    ema_momentum: float = 0.99,
    ema_overwrite_frequency: int | None = None,
    accumulate: int = 1,
    **options: Any,
) -> list[Point]:
    """Returns where each update leads, in Keras's order: clip, decay, update, moving average.

    The options are Keras's, but for `accumulate`, which it does not have.

    Args:
        optimizer: Which step to take.
        weights: At the start, one array a variable, of any shapes.
        gradients: For each batch the gradients, one a variable, in the order and the shapes of the weights.
        learning_rate: A number, or a function of the updates made so far: 0 at the first.
        weight_decay: As in the steps.
        exclude_from_weight_decay: Places in `weights` of those that are left out of it.
        clipvalue: As in `clip`, which sees the mean of the accumulated gradients.
        clipnorm: As in `clip`.
        global_clipnorm: As in `clip`.
        use_ema: Whether averages are kept, from the weights at the start on; without them they equal the weights.
        ema_momentum: Share of an average that is kept, in [0, 1].
        ema_overwrite_frequency: Every how many updates the averages replace the weights; None for never.
        accumulate: How many gradients make an update, by their mean; an incomplete last group makes none.
        **options: Further ones of `sgd_step` or `adam_step`.

    Raises:
        ValueError: If the optimizer is unknown, shapes or numbers of variables differ, or an option is out of bounds.
    """
    if optimizer not in ("sgd", "adam"):
        raise ValueError(f"optimizer is {optimizer}; accepted: sgd, adam")
    for name, count in {"accumulate": accumulate, "ema_overwrite_frequency": ema_overwrite_frequency}.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} is {count}; accepted: at least 1")
    kept = ema_momentum if use_ema else 0.0
    current = [np.array(array, np.float64) for array in weights]
    averages, points = current, []
    states: list[State] = [{}] * len(current)
    for done, mean in enumerate(_means(gradients, accumulate)):
        rate = float(learning_rate(done) if callable(learning_rate) else learning_rate)
        rule: Step = functools.partial(adam_step, step=done + 1) if optimizer == "adam" else sgd_step
        clipped = clip(mean, clipvalue=clipvalue, clipnorm=clipnorm, global_clipnorm=global_clipnorm)
        moved = []
        for place, (array, gradient, state) in enumerate(zip(current, clipped, states, strict=True)):
            decay = None if place in exclude_from_weight_decay else weight_decay
            moved.append(rule(array, gradient, state, learning_rate=rate, weight_decay=decay, **options))
        current, states = [array for array, _ in moved], [state for _, state in moved]
        averages = [ema(average, array, kept) for average, array in zip(averages, current, strict=True)]
        if ema_overwrite_frequency and (done + 1) % ema_overwrite_frequency == 0:
            current = averages
        points.append(Point(current, averages))
    return points


def batches(count: int, batch_size: int, epochs: int, seed: int) -> Iterator[np.ndarray]:
    """Yields the places of each batch's examples: all once an epoch, in a new order; an epoch's last may be short."""
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(count)
        for start in range(0, count, batch_size):
            yield order[start : start + batch_size]


def sgd(
    X: np.ndarray,  # noqa: N803 - the field's name for it
    y: np.ndarray,
    w: np.ndarray,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    seed: int,
) -> np.ndarray:
    """Returns the weights of a linear regression, fitted by mini-batch SGD (Robbins and Monro, 1951).

    It minimises the mean squared error `(1 / 2n) * ||X w - y||^2`. At a rate that is low enough it converges to
    the minimum if each batch is the whole set or the system is consistent; else it ends near, the nearer the lower.

    Args:
        X: Examples, of shape (n, d).
        y: Targets, of shape (n,).
        w: Weights at the start, of shape (d,).
        learning_rate: Above 0. Full batches converge below 2 over the largest eigenvalue of `X.T @ X / n`.
        epochs: How often each example is used.
        batch_size: Examples an update, from 1 to n.
        seed: Of the order of examples.

    Raises:
        ValueError: If shapes don't match, a value is not finite, or a number is out of bounds.
    """
    features, targets, weights = _checked(X, y, w, learning_rate, epochs, batch_size)
    state: State = {}
    for batch in batches(len(features), batch_size, epochs, seed):
        gradient = _gradient(features[batch], targets[batch], weights)
        weights, state = sgd_step(weights, gradient, state, learning_rate=learning_rate)
    return weights


def adam(
    X: np.ndarray,  # noqa: N803 - the field's name for it
    y: np.ndarray,
    w: np.ndarray,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    seed: int,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> np.ndarray:
    """Returns the weights of a linear regression, fitted by mini-batch Adam (Kingma and Ba, arXiv:1412.6980).

    It minimises the mean squared error `(1 / 2n) * ||X w - y||^2`. As each step is about as long as the learning rate,
    whatever the gradient's size, it ends near the minimum, the nearer the lower the rate.

    Args:
        X: Examples, of shape (n, d).
        y: Targets, of shape (n,).
        w: Weights at the start, of shape (d,).
        learning_rate: Above 0.
        epochs: How often each example is used.
        batch_size: Examples an update, from 1 to n.
        seed: Of the order of examples.
        beta_1: As in `adam_step`.
        beta_2: As in `adam_step`.
        epsilon: As in `adam_step`; above 0.

    Raises:
        ValueError: If shapes don't match, a value is not finite, or a number is out of bounds.
    """
    features, targets, weights = _checked(X, y, w, learning_rate, epochs, batch_size)
    for name, beta in {"beta_1": beta_1, "beta_2": beta_2}.items():
        if not 0 <= beta < 1:
            raise ValueError(f"{name} is {beta}; accepted: at least 0 and below 1")
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon is {epsilon}; accepted: a finite number above 0")
    take = functools.partial(adam_step, learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
    state: State = {}
    for step, batch in enumerate(batches(len(features), batch_size, epochs, seed), start=1):
        weights, state = take(weights, _gradient(features[batch], targets[batch], weights), state, step=step)
    return weights


def _same_shape(weights: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weights, other = np.asarray(weights, np.float64), np.asarray(other, np.float64)
    if weights.shape != other.shape:
        raise ValueError(f"shape {other.shape} beside weights of shape {weights.shape}; accepted: the same shape")
    return weights, other


def _means(gradients: Iterable[Sequence[np.ndarray]], count: int) -> Iterator[list[np.ndarray]]:
    """Yields the mean of each `count` gradients, variable by variable."""
    left = iter(gradients)
    while len(group := list(itertools.islice(left, count))) == count:
        yield [np.mean(parts, axis=0, dtype=np.float64) for parts in zip(*group, strict=True)]


def _gradient(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the gradient of `(1 / 2n) * ||X w - y||^2`."""
    return features.T @ (features @ weights - targets) / len(features)


def _checked(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray, learning_rate: float, epochs: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns copies of the arrays in float64, after all that `sgd` and `adam` refuse has been refused."""
    arrays = {name: np.array(given, np.float64) for name, given in {"X": features, "y": targets, "w": weights}.items()}
    if arrays["X"].ndim != 2 or not len(arrays["X"]):
        raise ValueError(f"X has shape {arrays['X'].shape}; accepted: (n, d), n at least 1")
    examples, columns = arrays["X"].shape
    for name, shape in {"y": (examples,), "w": (columns,)}.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}; accepted with X of {examples, columns}: {shape}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite; accepted: finite numbers")
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate is {learning_rate}; accepted: a finite number above 0")
    if not 1 <= batch_size <= examples:
        raise ValueError(f"batch_size is {batch_size}; accepted: 1 to {examples}, the number of examples")
    if epochs < 0:
        raise ValueError(f"epochs is {epochs}; accepted: at least 0")
    return arrays["X"], arrays["y"], arrays["w"]
