"""The lean descriptor as ONNX nodes: the same numbers as `lean.lean_features`, to the last bit."""

from __future__ import annotations

import numpy as np

from matscreen.edge import lean
from matscreen.edge.nodes import Graph


def add_lean_features(graph: Graph, elements: str, amounts: str) -> str:
    """Compute the lean descriptor inside a graph.

    Args:
        graph: The graph.
        elements: Atomic numbers, int64 (n, m); empty slots repeat an element of the row.
        amounts: Amounts in any scale, float64 (n, m); zero in empty slots.

    Returns:
        The features, float32 (n, k).
    """
    tables = lean.lean_tables()
    count = len(lean.PROPERTIES)
    along_slots, along_roles = graph.constant([1], np.int64), graph.constant([2], np.int64)

    total = graph.add("ReduceSum", amounts, along_slots, keepdims=1)
    fractions = graph.add("Unsqueeze", graph.add("Div", amounts, total), along_slots)
    masks = _role_masks(graph, elements, along_slots)
    weights = graph.add(
        "Mul", graph.add("Add", masks, graph.constant(lean.ABSENT)), fractions
    )  # (n, 4, m)
    share = graph.add("ReduceSum", weights, along_roles, keepdims=1)

    both = np.concatenate([tables.properties, np.square(tables.properties)], axis=1)
    found = graph.add("Gather", graph.constant(both), elements)  # (n, m, 2 k)
    sums = graph.add("MatMul", weights, found)
    means = graph.add("Div", sums, share)
    first, second = graph.split(means, 2, axis=2)
    variance = graph.add("Sub", second, graph.add("Mul", first, first))
    plain = graph.add("Gather", graph.constant(tables.properties), elements)
    largest = graph.add("ReduceMax", plain, along_slots, keepdims=1)
    smallest = graph.add("ReduceMin", plain, along_slots, keepdims=1)

    flat = graph.constant([0, -1], np.int64)
    of_roles = graph.add(
        "Reshape", graph.add("Concat", first, variance, largest, smallest, axis=1), flat
    )
    shares = graph.add("Reshape", share, flat)
    charge = np.zeros((len(lean.ROLES), 2 * count))
    charge[:, :count] = tables.charge.reshape(len(lean.ROLES), count)
    unbalanced = graph.add(
        "MatMul", graph.add("Reshape", sums, flat), graph.constant(charge.reshape(-1, 1))
    )
    excess = graph.add(
        "Div", unbalanced, graph.add("Add", shares, graph.constant(lean.SMALL_SHARE))
    )
    excess = graph.add(
        "Clip", excess, graph.constant(-lean.MAX_EXCESS), graph.constant(lean.MAX_EXCESS)
    )
    features = graph.add("Concat", of_roles, shares, excess, axis=1)
    scaled = graph.add("Round", graph.add("Mul", features, graph.constant(lean.GRID)))
    return graph.cast(graph.add("Mul", scaled, graph.constant(1.0 / lean.GRID)), np.float32)


def _role_masks(graph: Graph, elements: str, along_slots: str) -> str:
    """Return 1.0 where an element has a role, (n, 4, m); see `lean.role_weights`."""
    tables = lean.lean_tables()
    affinity = graph.add("Gather", graph.constant(tables.anion), elements)
    size = graph.add("Gather", graph.constant(tables.size), elements)
    highest = graph.add("ReduceMax", affinity, along_slots, keepdims=1)
    anion = graph.add(
        "GreaterOrEqual",
        affinity,
        graph.add("Sub", highest, graph.constant(lean.ANION_WINDOW)),
    )
    below = graph.add("Where", anion, graph.constant(-np.inf), size)
    above = graph.add("Where", anion, graph.constant(np.inf), size)
    ends = graph.add(
        "Add",
        graph.add("ReduceMax", below, along_slots, keepdims=1),
        graph.add("ReduceMin", above, along_slots, keepdims=1),
    )
    middle = graph.add("Mul", ends, graph.constant(0.5))
    cation = graph.add("Where", anion, graph.constant(np.nan), size)
    a_site = graph.add("GreaterOrEqual", cation, middle)
    b_site = graph.add("LessOrEqual", cation, middle)
    every = graph.add("LessOrEqual", affinity, affinity)
    masks = graph.add("Concat", a_site, b_site, anion, every, axis=1)
    shape = graph.constant([0, len(lean.ROLES), -1], np.int64)
    return graph.cast(graph.add("Reshape", masks, shape), np.float64)
