"""The champion's scorecard: each question with its points, and how to add up."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from shoal.analysis.scorecard import Scorecard, scorecards
from shoal.analysis.summary import load_champion
from shoal.dashboard.components.html_table import Column, html_table
from shoal.dashboard.session.queries import store
from shoal.store import RunView


def scorecard_card(run: RunView) -> None:
    """The card *Scorecard*; nothing where the champion's networks are no cards."""
    if run.settings.decoder is None:
        return
    for number, card in enumerate(_cards(run.id, run.ended)):
        with st.container(border=True, key=f"scorecard-{number}"):
            st.header("Scorecard", anchor=False)
            st.caption("Add up the points of each question whose answer is yes.")
            lines = pd.DataFrame(
                {
                    "Points": [points for _, points in card.lines],
                    "Question": [question.text for question, _ in card.lines],
                }
            )
            html_table(lines, f"scorecard-table-{number}", {"Points": Column("+.0f")})
            st.text(card.verdict)


@st.cache_data(max_entries=32, show_spinner=False)
def _cards(run_id: int, ended: float | None) -> tuple[Scorecard, ...]:
    # A part of the cache's key only: a finished run may have gone on and ended again.
    del ended
    champion = load_champion(store(), store().run(run_id))
    if champion is None:
        return ()
    return scorecards(store().load_problem(run_id), champion)
