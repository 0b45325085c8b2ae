"""Putting a graph together: nodes, constants, inputs and outputs, under names of their own."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal._version import __version__
from shoal.errors import ModelError
from shoal.inference.standalone import reason_of

if TYPE_CHECKING:
    import onnx

# What runtimes have read since 2022. A graph needs nothing newer.
OPSET = 17
ML_OPSET = 3
IR_VERSION = 8

# The operators that are not of the standard set.
ML_DOMAIN = "ai.onnx.ml"

# A file of ONNX has at most 2 GiB.
_MOST_BYTES = 2**31 - 2**20

# The dimension that all inputs and outputs share.
ROWS = "rows"


def is_onnx_installed() -> bool:
    """Whether the library that writes graphs is there."""
    return find_spec("onnx") is not None


def check_onnx_installed() -> None:
    """Raise `ModelError` where the library that writes graphs is not installed."""
    if not is_onnx_installed():
        raise ModelError(
            "An ONNX graph needs the package onnx, which is not installed.",
            remedy="pip install 'shoal[onnx]'",
        )


def damaged_model(error: Exception) -> ModelError:
    """The `ModelError` for a description of which no graph can be made, by what it led to."""
    return ModelError(
        f"The description of the model is damaged: {reason_of(error)}.",
        expected="a model as `shoal export` wrote it",
        remedy="export the model again",
    )


class Graph:
    """An ONNX graph that grows node by node.

    Values are named by the texts that `input`, `constant` and `node` return.

    Parameters
    ----------
    taken
        Names that inputs will have, and nothing else may.
    """

    def __init__(self, taken: Container[str] = ()) -> None:
        check_onnx_installed()
        self._taken = taken
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._bytes = 0

    def input(self, name: str, kind: type, shape: Sequence[int | str], about: str) -> str:
        """An input of the graph.

        Parameters
        ----------
        name
            What callers name it.
        kind
            The type of its elements, of NumPy or ``str``.
        shape
            Its dimensions; a text is one that is known when the graph is run.
        about
            What it holds, for people.
        """
        self._inputs.append(_value(name, kind, shape, about))
        return name

    def output(
        self, name: str, value: str, kind: type, shape: Sequence[int | str], about: str
    ) -> None:
        """Make a value an output; the parameters are those of `input`.

        Where an input has the name, the output's ends with an underscore.
        """
        while name in self._taken:
            name += "_"
        self._outputs.append(_value(name, kind, shape, about))
        self._append("Identity", [value], name)

    def constant(self, values: NDArray[Any] | Sequence[str]) -> str:
        """An array, or texts, that the graph holds."""
        from onnx import numpy_helper

        if isinstance(values, np.ndarray):
            self._bytes += values.nbytes
            # Further bytes are nodes and texts, which are few.
            if self._bytes > _MOST_BYTES:
                raise ModelError(
                    f"The model has over {self._bytes / 2**30:.1f} GiB of weights.",
                    expected="less than 2 GiB, the most that a file of ONNX holds",
                    remedy="use predict.py, or export a smaller network",
                )
            array = np.ascontiguousarray(values)
        else:
            array = np.array(list(values), dtype=object)
        name = self._fresh("constant", len(self._constants))
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def number(self, value: float) -> str:
        """A double that the graph holds."""
        return self.constant(np.array(value, np.float64))

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """The only output of a new node of the operator."""
        output = self._fresh(operator, len(self._nodes))
        self._append(operator, inputs, output, domain, **attributes)
        return output

    def cast(self, value: str, kind: type) -> str:
        """A value as elements of another type of NumPy."""
        from onnx import helper

        return self.node("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def columns(self, value: str, places: Sequence[int]) -> str:
        """The columns of a matrix at these places, which may stand several times."""
        return self.node("Gather", value, self.constant(np.array(places, np.int64)), axis=1)

    def joined(self, values: Sequence[str]) -> str:
        """Matrices beside one another."""
        if len(values) == 1:
            return values[0]
        return self.node("Concat", *values, axis=1)

    def model(self, about: str, facts: Mapping[str, str]) -> bytes:
        """The file of the graph, examined by ONNX's own checker.

        Parameters
        ----------
        about
            What the model is, in a sentence.
        facts
            The properties of the file.

        Raises
        ------
        ModelError
            If the checker refuses it.
        """
        import onnx
        from onnx import checker, helper

        graph = helper.make_graph(
            self._nodes, "shoal", self._inputs, self._outputs, self._constants, doc_string=about
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="shoal",
            producer_version=__version__,
            doc_string=about,
        )
        helper.set_model_props(model, {"shoal_version": __version__, **facts})
        try:
            checker.check_model(model, full_check=True)
        except (checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ModelError(
                f"The model makes no valid ONNX graph: {str(error).splitlines()[0]}.",
                expected="model.json and weights as `shoal export` wrote them",
                remedy="use predict.py, and report this with model.json",
            ) from None
        return bytes(model.SerializeToString(deterministic=True))

    def _append(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        domain: str = "",
        **attributes: Any,
    ) -> None:
        from onnx import helper

        name = self._fresh("node", len(self._nodes))
        node = helper.make_node(operator, inputs, [output], name, domain=domain, **attributes)
        self._nodes.append(node)

    def _fresh(self, what: str, number: int) -> str:
        """A name that no input has."""
        name = f"shoal/{what}/{number}"
        while name in self._taken:
            name += "_"
        return name


def _value(name: str, kind: type, shape: Sequence[int | str], about: str) -> onnx.ValueInfoProto:
    from onnx import TensorProto, helper

    element = TensorProto.STRING
    if kind is not str:
        element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    return helper.make_tensor_value_info(name, element, shape, about)
