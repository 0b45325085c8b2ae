"""How a model of numbers predicts the test rows: tiles, residuals, the error by range."""

from __future__ import annotations

import streamlit as st

from shoal.analysis.number_diagnostics import NumberDiagnostics, TargetDiagnostics
from shoal.dashboard.charts.number_diagnostics import ranges_chart
from shoal.dashboard.charts.predictions import residuals_chart, residuals_data
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.components.metric_tiles import metric_tiles
from shoal.presentation.formatting import escaped, percent
from shoal.replay.predictions import PartPredictions

# Targets whose errors are drawn.
MOST_TARGETS = 6


def number_tiles(found: NumberDiagnostics) -> None:
    """MAE, RMSE, R2 and accuracy of the ensemble; of several targets their table."""
    if len(found.targets) > 1:
        heads = ["MAE", "RMSE", "R²", "Accuracy"]
        table = found.to_frame().reset_index().set_axis(["Target", *heads], axis="columns")
        html_table(table, "targets", dict.fromkeys(heads, ".4g"))
        return
    metrics = found.targets[0].metrics
    unit = "in the target's unit"
    metric_tiles(
        [
            ("Mean absolute error", f"{metrics['mae']:.4g}", unit),
            ("Root mean squared error", f"{metrics['rmse']:.4g}", unit),
            ("R²", f"{metrics['r2']:.3f}", "the ensemble"),
            ("Accuracy", percent(metrics.accuracy), "the ensemble"),
        ]
    )


def errors_card(own: TargetDiagnostics, key: str, dark: bool) -> None:
    """Residuals over predictions, and how wrong the model is by range of the target."""
    with st.container(border=True, key=f"errors-{key}"):
        # A table may have several targets, with a card each.
        st.header(f"Where it is wrong: {escaped(own.name)}", anchor=False)
        st.caption("In the target's unit. An error is predicted - true.")
        left, right = st.columns(2, gap="small")
        with left:
            st.caption(
                "A point is a test row: upwards how far the prediction is too high. A good model "
                "scatters evenly around zero; a bow or a funnel says where it is wrong."
            )
            parts = {"test": PartPredictions(own.target, own.predicted)}
            figure = residuals_chart(residuals_data(parts), dark=dark)
            chart(figure, f"residuals-{key}", "Residuals over predicted values")
        with right:
            st.caption(
                "The mean size of the error by range of the true value: where a bar is longer, "
                "trust a prediction less."
            )
            alt = "The mean absolute error by range of the true value"
            chart(ranges_chart(own, dark=dark), f"ranges-{key}", alt)
        _draw_ranges(own, key)


def _draw_ranges(own: TargetDiagnostics, key: str) -> None:
    heads = ["From", "To", "Rows", "MAE", "RMSE", "Mean error"]
    shown = own.ranges.set_axis(heads, axis="columns")
    columns = {**dict.fromkeys(("From", "To", "MAE", "RMSE"), ".4g"), "Mean error": "+.3g"}
    html_table(shown, f"ranges-{key}", {**columns, "Rows": ",d"})
