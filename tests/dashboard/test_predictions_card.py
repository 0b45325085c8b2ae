"""The card that trains a recorded training again: what it says of the scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.dashboard.components import predictions_card
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, Task
from shoal.replay.predictions import PartPredictions, Predictions

SENTENCE = "Its scores are exactly those recorded."


class Page:
    """Stands for Streamlit: notes the Markdown that is written."""

    def __init__(self) -> None:
        self.session_state = {predictions_card._ASKED: {(1, Genome().hash, 0)}}
        self.written: list[str] = []

    def markdown(self, text: str) -> None:
        self.written.append(text)

    def columns(self, count: int, **options: Any) -> list[Page]:
        return [self] * count

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: self

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *error: object) -> None:
        return None


@pytest.mark.parametrize("same", [True, False])
def test_scores_that_differ_from_the_record_are_not_called_the_same(
    monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    part = PartPredictions(np.array([1.0, 2.0]), np.array([1.5, 2.0]))
    predictions = Predictions({"train": part}, (), ("strength",), same)
    page = Page()
    problems: list[str] = []
    monkeypatch.setattr(predictions_card, "st", page)
    monkeypatch.setattr(predictions_card, "_predictions", lambda *training: predictions)
    monkeypatch.setattr(predictions_card, "chart", lambda *arguments: None)
    monkeypatch.setattr(predictions_card, "error_box", problems.append)

    run: Any = SimpleNamespace(id=1)
    evaluation = Evaluation(Task(Genome(), 0), "ok", Scores(Metrics(90.0)), seconds=1.0)
    predictions_card.predictions_card(run, evaluation, dark=False)

    (text,) = page.written
    assert text.startswith(":small[Target ` strength `, in its unit. Rows: 2 trained on.")
    assert (SENTENCE in text) == same
    assert len(problems) == (not same)
