"""Taking a run away: genome, trained networks, predict.py, all evaluations and a report.

May import: presentation, analysis, store, inference and what these rest on.
Start reading in `bundle` (the folder), then `report` (the page).
"""

from shoal.export.bundle import archive, export_run, onnx_graph, report_page

__all__ = ["archive", "export_run", "onnx_graph", "report_page"]
