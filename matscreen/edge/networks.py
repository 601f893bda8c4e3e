"""A small multilayer perceptron: fitted with Adam in numpy, kept in few bytes a weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Precision = Literal["float32", "float16", "int8"]

_BATCH: Final = 256
_FEWEST_STEPS: Final = 600
_RATE: Final = 3e-3
_DECAY: Final = 1e-2


@dataclass(frozen=True, eq=False)
class Layer:
    """One dense layer; its weights are `stored * scale`.

    Attributes:
        stored: Weights as they are kept: float32, float16 or int8, (inputs, outputs).
        scale: One factor for each output, (outputs,).
        bias: (outputs,).
    """

    stored: npt.NDArray[Any]
    scale: Float32
    bias: Float32

    @property
    def weights(self) -> Float32:
        """Weights as they are used, (inputs, outputs)."""
        return np.asarray(self.stored.astype(np.float32) * self.scale)


@dataclass(frozen=True, eq=False)
class Network:
    """A perceptron with rectified hidden layers and one linear output.

    Attributes:
        layers: The layers from input to output.
    """

    layers: tuple[Layer, ...]

    def predict(self, Z: Float32) -> Float32:
        """Return the output of each row of standardised inputs, (n,)."""
        hidden = Z
        for layer in self.layers[:-1]:
            hidden = np.maximum(hidden @ layer.weights + layer.bias, np.float32(0.0))
        last = self.layers[-1]
        return np.asarray((hidden @ last.weights + last.bias)[:, 0])

    @property
    def hidden(self) -> tuple[int, ...]:
        """Width of each hidden layer."""
        return tuple(len(layer.bias) for layer in self.layers[:-1])

    def quantised(self, precision: Precision) -> Network:
        """Return the same network with weights of fewer bits; biases stay float32.

        For int8 the largest weight of each output becomes 127.
        """
        return Network(tuple(_quantise(layer, precision) for layer in self.layers))


def fit_network(
    Z: Float32, y: Float32, *, hidden: Sequence[int], epochs: int, weight: Float32, seed: int
) -> Network:
    """Fit a perceptron by least squares: Adam with decoupled decay, the rate falling to zero.

    Args:
        Z: Standardised inputs, (n, k).
        y: Standardised targets, (n,).
        hidden: Width of each hidden layer.
        epochs: Passes over the rows; more with few rows, to make 600 steps.
        weight: Weight of each row, (n,).
        seed: Seed of the first weights and of the order of the rows.
    """
    rng = np.random.default_rng(seed)
    sizes = [Z.shape[1], *hidden, 1]
    parameters: list[Float32] = []
    for n_in, n_out in pairwise(sizes):
        start = rng.normal(0.0, np.sqrt(2.0 / n_in), (n_in, n_out))
        parameters += [start.astype(np.float32), np.zeros(n_out, np.float32)]
    # A small last layer: the first prediction is the mean.
    parameters[-2] *= np.float32(0.1)
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    batches = -(-len(Z) // _BATCH)
    epochs = max(epochs, -(-_FEWEST_STEPS // batches))
    steps = epochs * batches
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(Z))
        for start_row in range(0, len(Z), _BATCH):
            rows = order[start_row : start_row + _BATCH]
            step += 1
            rate = _RATE * 0.5 * (1.0 + np.cos(np.pi * step / steps)) * min(1.0, step / 100.0)
            gradients = _gradients(parameters, Z[rows], y[rows], weight[rows])
            _adam(parameters, gradients, first, second, step=step, rate=rate)
    layers = tuple(
        Layer(w, np.ones(w.shape[1], np.float32), b)
        for w, b in zip(parameters[::2], parameters[1::2], strict=True)
    )
    return Network(layers)


def _gradients(
    parameters: Sequence[Float32], Z: Float32, y: Float32, weight: Float32
) -> list[Float32]:
    activations = [Z]
    for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        activations.append(np.maximum(activations[-1] @ w + b, np.float32(0.0)))
    error = (activations[-1] @ parameters[-2] + parameters[-1])[:, 0] - y
    back = (error * weight / np.float32(len(y)))[:, None]
    gradients: list[Float32] = []
    for layer in range(len(activations) - 1, -1, -1):
        gradients[:0] = [activations[layer].T @ back, back.sum(axis=0)]
        if layer:
            back = (back @ parameters[2 * layer].T) * (activations[layer] > 0.0)
    return gradients


def _adam(
    parameters: Sequence[Float32],
    gradients: Sequence[Float32],
    first: Sequence[Float32],
    second: Sequence[Float32],
    *,
    step: int,
    rate: float,
) -> None:
    """Take one step of Adam (Kingma and Ba 2015) in place, weights decaying towards zero."""
    correct_first, correct_second = 1.0 - 0.9**step, 1.0 - 0.999**step
    for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
        np.add(m, np.float32(0.1) * (g - m), out=m)
        np.add(v, np.float32(0.001) * (g * g - v), out=v)
        change = (m / np.float32(correct_first)) / (
            np.sqrt(v / np.float32(correct_second)) + np.float32(1e-8)
        )
        if p.ndim == 2:
            change += np.float32(_DECAY) * p
        np.subtract(p, np.float32(rate) * change, out=p)


def _quantise(layer: Layer, precision: Precision) -> Layer:
    if precision == "float32":
        return layer
    weights = layer.weights
    if precision == "float16":
        ones = np.ones(weights.shape[1], np.float32)
        return replace(layer, stored=weights.astype(np.float16), scale=ones)
    scale = np.maximum(np.abs(weights).max(axis=0) / 127.0, 1e-12).astype(np.float32)
    return replace(layer, stored=np.rint(weights / scale).astype(np.int8), scale=scale)
