"""A student as one ONNX model: from elements or descriptors to value, interval and distance."""

from __future__ import annotations

from typing import Final

import numpy as np

from matscreen.edge.forests import Forest
from matscreen.edge.lean_graph import add_lean_features
from matscreen.edge.networks import Network
from matscreen.edge.nodes import Graph
from matscreen.edge.student import HALF_WIDTH_PER_SIGMA, UNSEEN, Student
from matscreen.surrogates.space import Space

OUTPUTS: Final = ("mean", "lower", "upper", "distance", "in_domain")

_LEQ: Final = 0
_SUM: Final = 1


def student_model(student: Student, metadata: dict[str, str]) -> bytes:
    """Return the ONNX model of a student.

    Inputs: `elements` (int64, (n, m); empty slots repeat an element of the row, zeros stand for
    elements that are not known); for formulas `amounts` (float64, (n, m), zero in empty slots);
    for structures `features` (float32, (n, k), NaN where unknown). Outputs, (n,) each: `mean`,
    `lower`, `upper`, `distance` (float64) and `in_domain` (bool).

    Args:
        student: The calibrated student.
        metadata: Kept in the model file.
    """
    graph = Graph()
    along = graph.constant([1], np.int64)
    elements = graph.input("elements", np.int64, ["n", "m"])
    if student.level == "formula":
        amounts = graph.input("amounts", np.float64, ["n", "m"])
        features = add_lean_features(graph, elements, amounts)
    else:
        features = graph.input("features", np.float32, ["n", student.n_features])
    penalty = UNSEEN * student.domain.threshold * student.unseen
    # An empty slot repeats an element, so it cannot add a new one.
    strange = graph.add("Gather", graph.constant(penalty), elements)
    strange = graph.add("ReduceMax", strange, along, keepdims=0)
    inputs = _inputs(graph, student, features)
    center = _center(graph, student, features, inputs)
    distance = _distance(graph, student, inputs, strange)
    half = _half_width(graph, student, features, center, distance)
    sides = graph.add("Mul", graph.add("Unsqueeze", half, along), graph.constant([0.0, -1.0, 1.0]))
    ends = graph.add("Add", graph.add("Unsqueeze", center, along), sides)
    ends = _backward(graph, Space.of(student.property), ends)
    for position, name in enumerate(OUTPUTS[:3]):
        column = graph.add("Gather", ends, graph.constant(position, np.int64), axis=1)
        graph.output(name, np.float64, ["n"], column)
    graph.output("distance", np.float64, ["n"], distance)
    inside = graph.add("LessOrEqual", distance, graph.constant(student.domain.threshold))
    graph.output("in_domain", np.bool_, ["n"], inside)
    return graph.serialise(
        student.property, f"Edge model of {student.property}, made by matscreen", metadata
    )


def _inputs(graph: Graph, student: Student, features: str) -> str:
    """Standardise, float32 (n, k)."""
    known = student.inputs
    scale, shift = (graph.constant(item, np.float32) for item in (known.scale, known.shift))
    z = graph.add("Add", graph.add("Mul", features, scale), shift)
    if student.level == "formula":
        return z
    return graph.add("Where", graph.add("IsNaN", z), graph.constant(0.0, np.float32), z)


def _held(graph: Graph, values: str, low: np.ndarray, high: np.ndarray) -> str:
    """Hold values within a range of each column."""
    above = graph.add("Max", values, graph.constant(low, np.float32))
    return graph.add("Min", above, graph.constant(high, np.float32))


def _center(graph: Graph, student: Student, features: str, inputs: str) -> str:
    """Predict in the space of the property, within its bounds, float64 (n,)."""
    if isinstance(student.regressor, Network):
        held = _held(graph, inputs, student.inputs.low, student.inputs.high)
        output = add_network(graph, student.regressor, held)
        base = 0.0
    else:
        output, base = add_forest(graph, student.regressor, features), student.regressor.base
    value = graph.add("Mul", graph.cast(output, np.float64), graph.constant(student.spread))
    value = graph.add("Add", value, graph.constant(student.offset + student.spread * base))
    space = Space.of(student.property)
    low, high = space.forward(np.array([space.lower, space.upper]))
    return graph.add("Clip", value, graph.constant(low), graph.constant(high))


def add_network(graph: Graph, network: Network, inputs: str) -> str:
    """Add a perceptron, float32 (n,).

    Weights of few bits are restored by nodes on constants, which a runtime folds when it loads
    the model: they cost bytes on disk, not time.
    """
    hidden = inputs
    for position, layer in enumerate(network.layers):
        weights = graph.constant(layer.stored, layer.stored.dtype)
        if layer.stored.dtype != np.float32:
            weights = graph.cast(weights, np.float32)
        if layer.stored.dtype == np.int8:
            weights = graph.add("Mul", weights, graph.constant(layer.scale, np.float32))
        hidden = graph.add("Gemm", hidden, weights, graph.constant(layer.bias, np.float32))
        if position < len(network.layers) - 1:
            hidden = graph.add("Relu", hidden)
    return graph.add("Squeeze", hidden, graph.constant([1], np.int64))


def add_forest(graph: Graph, forest: Forest, features: str) -> str:
    """Add the sum of trees without its base, float32 (n,)."""

    def child(nodes: np.ndarray) -> tuple[list[int], list[int]]:
        return np.where(nodes < 0, -1 - nodes, nodes).tolist(), (nodes < 0).astype(int).tolist()

    left, left_is_leaf = child(forest.left)
    right, right_is_leaf = child(forest.right)
    votes = graph.add(
        "TreeEnsemble",
        features,
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=_SUM,
        tree_roots=forest.roots.tolist(),
        nodes_featureids=forest.feature.tolist(),
        nodes_modes=graph.tensor(np.full(len(forest.feature), _LEQ, np.uint8)),
        nodes_splits=graph.tensor(forest.threshold),
        nodes_missing_value_tracks_true=forest.missing_left.astype(int).tolist(),
        nodes_truenodeids=left,
        nodes_trueleafs=left_is_leaf,
        nodes_falsenodeids=right,
        nodes_falseleafs=right_is_leaf,
        leaf_targetids=[0] * len(forest.leaves),
        leaf_weights=graph.tensor(forest.leaves),
    )
    return graph.add("Squeeze", votes, graph.constant([1], np.int64))


def _distance(graph: Graph, student: Student, inputs: str, strange: str) -> str:
    """Measure the distance to the nearest landmark and add what is `strange`, float64 (n,)."""
    domain = student.domain
    inside = _held(graph, inputs, domain.low, domain.high)
    outside = graph.add("Sub", inputs, inside)
    outside = graph.add("Mul", outside, graph.constant(domain.weight, np.float32))
    outside = graph.cast(outside, np.float64)
    points = graph.cast(
        graph.add("MatMul", inside, graph.constant(domain.projection, np.float32)), np.float64
    )
    along = graph.constant([1], np.int64)
    squares = graph.add("ReduceSum", graph.add("Mul", points, points), along, keepdims=1)
    apart = graph.add(
        "Gemm",
        points,
        graph.constant(-2.0 * domain.centres.T),
        graph.constant(np.square(domain.centres).sum(axis=1)),
    )
    nearest = graph.add("ReduceMin", graph.add("Add", apart, squares), along, keepdims=0)
    nearest = graph.add("Max", nearest, graph.constant(0.0))
    beyond = graph.add("ReduceSum", graph.add("Mul", outside, outside), along, keepdims=0)
    distance = graph.add("Sqrt", graph.add("Add", nearest, beyond))
    return graph.add("Add", distance, strange)


def _half_width(graph: Graph, student: Student, features: str, center: str, distance: str) -> str:
    """Compute the half width of the interval in the space of the property, float64 (n,)."""
    domain, error = student.domain, student.error
    if error.forest is None:
        # One size for all, in the shape of the others.
        ones = graph.add("Equal", center, center)
        half = graph.add("Mul", graph.cast(ones, np.float64), graph.constant(student.quantile))
    else:
        base = error.forest.base
        log = graph.cast(add_forest(graph, error.forest, features), np.float64)
        ends = (graph.constant(error.low - base), graph.constant(error.high - base))
        size = graph.add("Exp", graph.add("Clip", log, *ends))
        half = graph.add("Mul", size, graph.constant(student.quantile * np.exp(base)))
    excess = graph.add("Div", distance, graph.constant(domain.threshold))
    excess = graph.add("Sub", excess, graph.constant(1.0))
    excess = graph.add("Clip", excess, graph.constant(0.0), graph.constant(1.0))
    wider = graph.add("Max", half, graph.constant(domain.constant_half))
    half = graph.add("Add", half, graph.add("Mul", excess, wider))
    floor, slope = (HALF_WIDTH_PER_SIGMA * value for value in student.label_error)
    if floor == 0.0 and slope == 0.0:
        return half
    grown = graph.add("Mul", center, graph.constant(slope))
    squares = graph.add("Add", graph.add("Mul", half, half), graph.add("Mul", grown, grown))
    return graph.add("Sqrt", graph.add("Add", squares, graph.constant(floor**2)))


def _backward(graph: Graph, space: Space, value: str) -> str:
    """Return a value in the unit of the property, within its bounds; see `Space.backward`."""
    low, high = space.forward(np.array([space.lower, space.upper]))
    value = graph.add("Clip", value, graph.constant(low), graph.constant(high))
    if space.log:
        value = graph.add("Pow", graph.constant(10.0), value)
        value = graph.add("Clip", value, graph.constant(space.lower), graph.constant(space.upper))
    return value
