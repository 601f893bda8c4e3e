"""A thin writer of ONNX graphs: named constants, chained nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from matscreen.errors import MissingDependencyError

OPSET: Final = 18
TREE_OPSET: Final = 5
IR_VERSION: Final = 10
"""Format version that runtimes from early 2024 on read."""


class Graph:
    """An ONNX graph under construction; every method returns the name of what it added."""

    def __init__(self) -> None:
        try:
            import onnx
        except ImportError:
            raise MissingDependencyError("onnx", "edge") from None
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, dtype: type, shape: Sequence[str | int]) -> str:
        """Declare an input."""
        self._inputs.append(self._value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: type, shape: Sequence[str | int], source: str) -> None:
        """Declare an output that equals an existing value."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [source], [name]))
        self._outputs.append(self._value(name, dtype, shape))

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        """Add a constant."""
        name = f"c{len(self._constants)}"
        array = np.asarray(value, dtype=dtype)
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node of one output."""
        name = f"v{len(self._nodes)}"
        node = self._onnx.helper.make_node(
            operator, list(inputs), [name], domain=domain, **attributes
        )
        self._nodes.append(node)
        return name

    def split(self, source: str, parts: int, *, axis: int) -> list[str]:
        """Cut an axis into equal parts."""
        names = [f"v{len(self._nodes)}_{part}" for part in range(parts)]
        node = self._onnx.helper.make_node("Split", [source], names, axis=axis, num_outputs=parts)
        self._nodes.append(node)
        return names

    def cast(self, source: str, dtype: Any) -> str:
        """Convert to another type."""
        return self.add("Cast", source, to=self._kind(dtype))

    def tensor(self, values: Any) -> Any:
        """Return an array as a tensor attribute."""
        return self._onnx.numpy_helper.from_array(np.asarray(values))

    def serialise(self, name: str, description: str, metadata: dict[str, str]) -> bytes:
        """Check the graph and return it as the bytes of a model file."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        model = helper.make_model(
            graph,
            producer_name="matscreen",
            doc_string=description,
            ir_version=IR_VERSION,
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid("ai.onnx.ml", TREE_OPSET),
            ],
        )
        helper.set_model_props(model, metadata)
        self._onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _kind(self, dtype: Any) -> int:
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def _value(self, name: str, dtype: Any, shape: Sequence[str | int]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._kind(dtype), list(shape))
