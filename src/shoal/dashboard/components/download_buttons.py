"""Buttons that make a file of a run when they are pressed, and download it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from shoal.dashboard.components.problem_words import problem_words
from shoal.dashboard.session.queries import store
from shoal.export import archive, onnx_graph, report_page
from shoal.models.onnx import is_onnx_installed
from shoal.store import RunView

_ONNX = "The networks with their preprocessing as one graph, for other languages and runtimes"
_NO_ONNX = "Needs the package onnx on the server: pip install 'shoal[onnx]'"
_REPORT = "The run on one page, to read, print or send"


def run_downloads(run: RunView) -> None:
    """What a run with a champion gives to take away: its model, report and graph."""
    name = f"shoal-run-{run.id}"
    with st.container(horizontal=True, gap="small"):
        download_button(
            "Model",
            partial(archive, store(), run.id),
            f"{name}.zip",
            "application/zip",
            about=problem_words(run).model,
        )
        download_button(
            "Report",
            partial(report_page, store(), run.id),
            f"{name}.html",
            "text/html",
            about=_REPORT,
        )
        if run.has_network:
            is_installed = is_onnx_installed()
            download_button(
                "ONNX",
                partial(onnx_graph, store(), run.id),
                f"{name}.onnx",
                "application/octet-stream",
                about=_ONNX if is_installed else _NO_ONNX,
                disabled=not is_installed,
            )


def download_button(
    label: str,
    make: Callable[[], bytes],
    file: str,
    kind: str,
    *,
    about: str | None = None,
    disabled: bool = False,
) -> None:
    """One button; ``make`` is called when it is pressed, and not for every look at the page.

    Parameters
    ----------
    label
        What it says; no other button of the page says the same.
    make
        Makes the file.
    file, kind
        Its name, and its media type.
    about
        What is in the file, or why there is none.
    disabled
        It cannot be pressed.
    """
    st.download_button(
        label,
        make,
        file,
        kind,
        icon=":material/download:",
        on_click="ignore",
        help=about,
        disabled=disabled,
        key=f"take-{label}",
    )
