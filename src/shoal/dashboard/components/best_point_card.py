"""The best point of a function: each coordinate between its bounds, ready to copy."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from shoal.dashboard.components.genome_card import on_demand
from shoal.dashboard.components.html_table import Column, html_table
from shoal.presentation.formatting import escaped, score_text
from shoal.store import RunView
from shoal.tuning.champion import Champion

# Coordinates that the table has, at most.
_MOST = 60


def best_point_card(run: RunView, champion: Champion) -> None:
    """The card *Best point*.

    Parameters
    ----------
    run
        A run that solves a function.
    champion
        Its champion.
    """
    x = champion.chosen_weights
    value = champion.ensemble.train[run.metric.name]
    with st.container(border=True, key="point"):
        st.header("Best point", anchor=False)
        unit = f" {escaped(run.metric.unit)}" if run.metric.unit else ""
        st.caption(
            f"The value there is {score_text(value, run.metric)}{unit}: the best of all trainings "
            "of the run, whichever swarm found it."
        )
        html_table(_coordinates(run, x.tolist()), "point-table", _COLUMNS)
        if len(x) > _MOST:
            st.caption(f"These are the first {_MOST} of {len(x):,} coordinates.")
        with on_demand("Copy the point", ":material/content_copy:", "copy-point") as is_open:
            if is_open:
                st.code(json.dumps(x.tolist()), language="json", wrap_lines=True)


_COLUMNS = {
    "Coordinate": Column(".0f"),
    "Value": Column(".6g"),
    "Lower bound": Column(".6g"),
    "Upper bound": Column(".6g"),
}


def _coordinates(run: RunView, x: list[float]) -> pd.DataFrame:
    """A row for each coordinate."""
    record = run.problem or {}
    bounds = record.get("bounds") or [[None, None]] * len(x)
    whole = set(record.get("integers") or [])
    rows = []
    for number, (value, pair) in enumerate(zip(x[:_MOST], bounds, strict=False)):
        rows.append(
            {
                "Coordinate": number,
                "Value": value,
                "Lower bound": pair[0],
                "Upper bound": pair[1],
                "": "whole number" if number in whole else "",
            }
        )
    frame = pd.DataFrame(rows)
    if not whole:
        frame = frame.drop(columns="")
    return frame
