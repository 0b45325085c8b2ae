"""A trained model as one ONNX graph, from the columns of a table to predictions.

May import: inference, errors. `onnx`, the library, is an extra and is imported when a graph is
made. Start reading in `table` (the graph of a table's model), then `policy`.
"""

from shoal.models.onnx.graph import check_onnx_installed, is_onnx_installed
from shoal.models.onnx.policy import policy_graph
from shoal.models.onnx.table import table_graph

__all__ = ["check_onnx_installed", "is_onnx_installed", "policy_graph", "table_graph"]
