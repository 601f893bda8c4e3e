"""The sizes and kinds of small models that compete for an edge bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.edge.forests import Forest, boost
from matscreen.edge.networks import Network, Precision, fit_network
from matscreen.edge.student import Standardiser
from matscreen.errors import InputError
from matscreen.structures import FloatArray, IntArray


@dataclass(frozen=True)
class Variant:
    """One small model.

    Attributes:
        name: Name on the command line and in tables.
        hidden: Widths of the hidden layers of a network; empty for trees.
        precision: How the weights of a network are kept.
        n_trees: Number of trees kept of `fitted_trees`.
        fitted_trees: Number of trees fitted.
        n_leaves: Most leaves of a tree.
        epochs: Passes of a network over its lessons.
    """

    name: str
    hidden: tuple[int, ...] = ()
    precision: Precision = "float32"
    n_trees: int = 0
    fitted_trees: int = 100
    n_leaves: int = 31
    epochs: int = 30

    @property
    def recipe(self) -> tuple[object, ...]:
        """What decides the fit; variants of one recipe differ by pruning and quantising only."""
        return (self.hidden, self.epochs) if self.hidden else (self.fitted_trees, self.n_leaves)

    def fit(self, lessons: Lessons, inputs: Standardiser, *, seed: int) -> Network | Forest:
        """Fit the model that all variants of this recipe derive from; targets standardised."""
        if self.hidden:
            return fit_network(
                inputs.transform(lessons.X),
                lessons.scaled.astype(np.float32),
                hidden=self.hidden,
                epochs=self.epochs,
                weight=(lessons.weight / lessons.weight.mean()).astype(np.float32),
                seed=seed,
            )
        # Heavy rows are repeated: with weights scikit-learn finds its bins by weighted percentiles,
        # which takes ten times as long as all the trees.
        rows = np.repeat(np.arange(len(lessons.y)), lessons.weight)
        return boost(
            lessons.X[rows],
            lessons.scaled[rows],
            n_trees=self.fitted_trees,
            n_leaves=self.n_leaves,
            seed=seed,
        )

    def derive(self, fitted: Network | Forest) -> Network | Forest:
        """Quantise the fitted network, or keep the first trees."""
        if isinstance(fitted, Network):
            return fitted.quantised(self.precision)
        return fitted.first(self.n_trees)


@dataclass(frozen=True, eq=False)
class Lessons:
    """What a student is taught.

    Attributes:
        X: Features, (n, k).
        y: Targets in the space of the property, (n,).
        weight: Whole numbers, (n,).
        n_labelled: How many of the rows, the first, have a label of their own.
    """

    X: FloatArray
    y: FloatArray
    weight: IntArray
    n_labelled: int

    @property
    def scaling(self) -> tuple[float, float]:
        """Mean and standard deviation of the targets of the labelled rows."""
        labelled = self.y[: self.n_labelled]
        return float(labelled.mean()), max(float(labelled.std()), 1e-9)

    @property
    def scaled(self) -> npt.NDArray[np.float64]:
        """Standardised targets, (n,)."""
        offset, spread = self.scaling
        return np.asarray((self.y - offset) / spread)


_ALL: Final = (
    Variant("network-64", hidden=(64, 32)),
    Variant("network-128", hidden=(128, 64)),
    Variant("network-128-float16", hidden=(128, 64), precision="float16"),
    Variant("network-128-int8", hidden=(128, 64), precision="int8"),
    Variant("network-256-float16", hidden=(256, 128), precision="float16"),
    Variant("network-256-int8", hidden=(256, 128), precision="int8"),
    Variant("trees-25", n_trees=25),
    Variant("trees-50", n_trees=50),
    Variant("trees-100", n_trees=100),
)
VARIANTS: Final = {variant.name: variant for variant in _ALL}
"""The shipped variants by name."""


def get_variants(names: Sequence[str] = ()) -> tuple[Variant, ...]:
    """Return variants by name; all of them without names.

    Raises:
        InputError: No variant has such a name.
    """
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        raise InputError(f"unknown variant {unknown[0]!r}; known: {', '.join(VARIANTS)}")
    return tuple(VARIANTS[name] for name in dict.fromkeys(names)) or _ALL
