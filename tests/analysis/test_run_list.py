"""Which runs are listed, and in what order."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.analysis.run_list import (
    SORTS,
    STATES,
    RunFilter,
    matching,
    ordered,
    tables_of,
    tags_of,
)
from shoal.errors import SettingsError
from shoal.objectives.registry import METRICS
from shoal.presentation.palette import STATE_COLOURS
from shoal.store import RunEntry

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]
PLAIN = RunEntry(
    id=1,
    name="concrete",
    dataset="concrete",
    state="finished",
    kind="table",
    metric=ACCURACY,
    generations=4,
    evaluations=10,
    seconds=5.0,
    best_score=80.0,
    created=100.0,
    started=101.0,
    ended=110.0,
    dataset_hash="",
)

entries = st.lists(
    st.builds(
        replace,
        st.just(PLAIN),
        id=st.integers(1, 10**6),
        name=st.text(max_size=6),
        dataset=st.sampled_from(["concrete", "Churn", "\u00dcbung"]),
        state=st.sampled_from(STATES),
        metric=st.sampled_from([ACCURACY, RMSE]),
        best_score=st.none() | st.floats(),
        tags=st.lists(st.sampled_from(["good", "Good", "bad"]), max_size=2).map(tuple),
        note=st.sampled_from(["", "look again"]),
        archived=st.none() | st.just(5.0),
    ),
    max_size=8,
    unique_by=lambda run: run.id,
)


def test_every_state_has_a_colour_and_a_name() -> None:
    assert set(STATES) == set(STATE_COLOURS)


@given(entries, st.sampled_from(sorted(SORTS)), st.booleans())
def test_an_order_keeps_every_run_once(runs: list[RunEntry], by: str, reverse: bool) -> None:
    known = sorted(run.id for run in runs)
    assert sorted(run.id for run in ordered(runs, by, reverse=reverse)) == known
    again = ordered(list(reversed(runs)), by, reverse=reverse)
    assert [run.id for run in again] == [run.id for run in ordered(runs, by, reverse=reverse)]


@given(entries, st.booleans())
def test_the_best_come_first_by_metric_and_the_unknown_last(
    runs: list[RunEntry], reverse: bool
) -> None:
    sorted_runs = ordered(runs, "best", reverse=reverse)
    known = [run.best_score is not None and not math.isnan(run.best_score) for run in sorted_runs]
    assert known == sorted(known, reverse=True)
    for metric in (ACCURACY, RMSE):
        scores = [
            run.best_score
            for run in sorted_runs
            if run.metric == metric and run.best_score is not None
            if not math.isnan(run.best_score)
        ]
        assert scores == sorted(scores, reverse=metric.maximizes != reverse)


def test_words_go_from_a_and_numbers_from_the_largest() -> None:
    runs = [
        replace(PLAIN, id=1, name="b", seconds=3.0),
        replace(PLAIN, id=2, name="A", seconds=9.0),
        replace(PLAIN, id=3, name="c", seconds=3.0),
    ]
    assert [run.id for run in ordered(runs, "name")] == [2, 1, 3]
    assert [run.id for run in ordered(runs, "name", reverse=True)] == [3, 1, 2]
    assert [run.id for run in ordered(runs, "time")] == [2, 3, 1]
    assert [run.id for run in ordered(runs)] == [3, 2, 1]
    with pytest.raises(SettingsError, match="sorted by 'colour'"):
        ordered(runs, "colour")


def test_a_filter_keeps_what_meets_all_of_it() -> None:
    runs = [
        replace(PLAIN, id=1, tags=("Good", "for Ada")),
        replace(PLAIN, id=12, name="\u00dcbung", note="Bounds were too narrow"),
        replace(PLAIN, id=3, dataset="churn", state="failed"),
        replace(PLAIN, id=4, archived=7.0),
    ]

    def kept(**wanted: object) -> list[int]:
        return [run.id for run in matching(runs, RunFilter(**wanted))]  # type: ignore[arg-type]

    assert kept() == [1, 12, 3]
    assert kept(archived=True) == [1, 12, 3, 4]
    assert kept(text="ADA concrete") == [1]
    assert kept(text="\u00fcbung") == [12]
    assert kept(text="narrow bounds") == [12]
    assert kept(text="#12") == kept(text="12") == [12]
    assert kept(state="failed") == [3]
    assert kept(tag="good ") == [1]
    assert kept(tag="goo") == []
    assert kept(table="Churn") == [3]
    assert kept(table="concrete", tag="for ada", text="1") == [1]
    with pytest.raises(SettingsError, match="no state 'done'"):
        kept(state="done")

    assert tags_of(runs) == ["for Ada", "Good"]
    assert tables_of(runs) == ["churn", "concrete"]
