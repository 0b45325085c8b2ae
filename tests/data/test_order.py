"""Rows in an order: the last ones test, folds validate what follows; columns that are left out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from shoal.analysis.run_differences import obstacles
from shoal.cli.main import app
from shoal.data import DataOptions, load_dataset, prepare_new, read_table
from shoal.data.diagnostics import check_table
from shoal.data.splits import FoldsError, last_rows, ordered_folds
from shoal.errors import DataError, SettingsError
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store


def series(rows: int = 300) -> pd.DataFrame:
    """A series that wanders, and the value before, in no order of its rows."""
    draw = np.random.default_rng(5)
    y = 50 + np.cumsum(draw.normal(size=rows))
    table = pd.DataFrame(
        {"t": range(rows), "before": np.roll(y, 1), "z": draw.random(rows), "y": y}
    )
    return table.sample(frac=1, random_state=3)


def test_the_last_rows_test_and_each_fold_validates_what_follows_its_training() -> None:
    table = series()
    data = load_dataset(table, "y", order="t")
    place = table["t"].to_numpy()
    assert sorted(place[data.test.rows]) == list(range(210, 300))
    assert data.encoder.inputs == ("before", "z") and data.options.folds == 5

    edges = [0, 35, 70, 105, 140, 175, 210]
    for repeat in range(7):
        train, validation = data.parts(repeat)
        fold = repeat % 5
        assert sorted(place[train.rows]) == list(range(edges[fold + 1]))
        assert sorted(place[validation.rows]) == list(range(edges[fold + 1], edges[fold + 2]))
    assert len(data.fit_part(refit=True).rows) == 210


def test_without_folds_the_rows_before_the_test_part_validate() -> None:
    table = series()
    data = load_dataset(table, "y", order="t", folds=1)
    place = table["t"].to_numpy()
    ends = [place[part.rows].max() for part in (data.train, data.validation, data.test)]
    assert ends == [167, 209, 299]
    # A seed shares nothing out.
    again = load_dataset(table, "y", order="t", folds=1, seed=7)
    np.testing.assert_array_equal(again.train.rows, data.train.rows)


@given(
    places=st.lists(st.integers(0, 30), min_size=10, max_size=80),
    fraction=st.floats(0, 0.9),
    folds=st.integers(2, 6),
)
def test_equal_places_stay_together_and_later_ones_come_later(
    places: list[int], fraction: float, folds: int
) -> None:
    order = np.array(places, dtype=np.float64)
    kept, taken = last_rows(np.arange(len(order)), order, fraction)
    assert sorted([*kept, *taken]) == list(range(len(order)))
    if len(kept) and len(taken):
        assert order[kept].max() < order[taken].min()
        assert len(taken) >= round(fraction * len(order))

    try:
        numbers = ordered_folds("t", folds, order)
    except FoldsError:
        return
    assert set(numbers) == set(range(-1, folds))
    for fold in range(folds):
        assert order[numbers < fold].max() < order[numbers == fold].min()


def test_dates_order_rows_and_only_what_comes_again_is_a_feature() -> None:
    table = series()
    days = pd.date_range("2021-01-01", periods=300)[table["t"]]
    dated = table.assign(t=days.strftime("%d.%m.%Y"))
    data = load_dataset(dated, "y", order="t")
    np.testing.assert_array_equal(data.test.rows, load_dataset(table, "y", order="t").test.rows)
    assert data.encoder.inputs == ("t (week, cosine)", "t (week, sine)", "before", "z")
    assert load_dataset(dated, "y", order="t", drop="t").encoder.inputs == ("before", "z")
    assert load_dataset(dated, "y", order="t", encoding="questions").inputs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"order": "y"}, "not the target"),
        ({"order": "t", "group": "z"}, "group 'z'"),
        ({"order": "t", "same": "all"}, "same 'all'"),
        ({"order": "t", "preset": "classic"}, "preset 'classic'"),
        ({"order": ""}, "the name of a column"),
        ({"drop": "y"}, "target, drop"),
        ({"drop": ["z", "z"]}, "drop, drop"),
        ({"drop": "z", "weight": "z"}, "weight, drop"),
        ({"drop": 3}, "names of columns"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        load_dataset(series(), "y", **options)


ODD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no such order": ({}, {"order": "tt"}, "no column 'tt'.*Did you mean 't'"),
    "no such column": ({}, {"drop": "befor"}, "no column 'befor'.*Did you mean 'before'"),
    "all left out": ({}, {"drop": "t,before,z"}, "no column is left"),
    "words": ({"w": ["a", "b"] * 150}, {"order": "w"}, "'w' gives no order.*numbers or dates"),
    "gaps": ({"w": [None, *range(299)]}, {"order": "w"}, "row 2, column 'w': no value"),
    "one place": ({"w": 3}, {"order": "w"}, "no row of 300 is left for the train part"),
    "a late class": (
        {"y": np.where(series()["t"] > 250, "late", "early")},
        {"order": "t"},
        "'late' has no row in the training part.*remove the class",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_tables_that_have_no_such_order_are_refused(case: str) -> None:
    columns, options, words = ODD[case]
    with pytest.raises(DataError, match=words):
        load_dataset(series().assign(**columns), "y", **options)


def test_a_class_that_begins_late_has_no_folds() -> None:
    place = series()["t"]
    table = series().assign(y=np.where((place > 100) & (place % 2 == 0), "new", "old"))
    assert load_dataset(table, "y", order="t").options.folds == 1
    with pytest.raises(DataError, match="'new' has no row before those that the first fold"):
        load_dataset(table, "y", order="t", folds=5)


def test_records_have_new_options_only_where_they_say_something() -> None:
    plain = DataOptions.of_new_run("y").to_dict()
    assert not {"drop", "order"} & set(plain)
    assert DataOptions.from_dict(plain) == DataOptions.of_new_run("y")

    chosen = DataOptions.of_new_run("y", drop="a, b", order="t")
    recorded = json.loads(json.dumps(chosen.to_dict()))
    assert (recorded["drop"], recorded["order"]) == (["a", "b"], "t")
    assert DataOptions.from_dict(recorded) == chosen


def test_notes_and_comparisons_name_order_and_what_is_left_out(tmp_path: Any) -> None:
    data = load_dataset(series(), "y", order="t", drop="z")
    assert data.notes == ("Left out: z.", "Rows are in the order of t: the last ones test.")
    with open_store(tmp_path / "shoal.db") as store:
        for options in ({}, {"order": "t"}, {"drop": "z"}):
            store.add_run(load_dataset(series(), "y", **options), SearchSettings())
        at_random, in_order, without = (store.run(number) for number in (1, 2, 3))
    assert [str(met) for met in obstacles([at_random, without])] == []
    (met,) = obstacles([at_random, in_order])
    assert met.what == "Another split" and "order t" in str(met)


# Recognised, or not

CONCRETE = read_table("concrete")[1].frame
DRAW = np.random.default_rng(8)
GRID = np.linspace(0, 10, 300)
IN_TIME = series().sort_values("t", ignore_index=True)
DAYS = pd.date_range("2022-01-01", periods=300)
WALK = np.cumsum(DRAW.normal(size=300))
YEARS = 1980 + np.arange(300) // 12

SERIES: dict[str, tuple[pd.DataFrame, str]] = {
    "in time": (IN_TIME, "t"),
    "the newest first": (IN_TIME[::-1], "t"),
    "shuffled": (series(), "t"),
    "seconds": (IN_TIME.assign(t=1_700_000_000 + 3600 * IN_TIME["t"] + GRID.astype(int)), "t"),
    "dates": (series().assign(t=DAYS[series()["t"]]), "t"),
    "years": (pd.DataFrame({"year": YEARS, "month": np.arange(300) % 12, "y": WALK}), "year"),
    "shops": (
        pd.DataFrame({"t": DAYS.repeat(3), "shop": list("abc") * 300, "y": WALK.repeat(3)}),
        "t",
    ),
    "classes": (IN_TIME.assign(y=np.where(WALK > 0, "up", "down")), "t"),
    "broken seconds": (IN_TIME.assign(t=IN_TIME["t"] / 7, y=WALK, z=np.roll(WALK, 1)), "t"),
}


@pytest.mark.parametrize("case", SERIES)
def test_a_series_in_time_is_recognised(case: str) -> None:
    table, column = SERIES[case]
    found = [finding for finding in check_table("t", table, "y").findings if finding.order]
    assert [finding.order for finding in found] == [column]
    assert found[0].status == "look" and "random" in found[0].what
    assert not any(f.order for f in check_table("t", table, "y", order=column).findings)


OTHERS: dict[str, tuple[pd.DataFrame, str]] = {
    "concrete": (CONCRETE, "compressive_strength"),
    "numbered": (
        CONCRETE.sample(frac=1, random_state=0).assign(id=range(1030)),
        "compressive_strength",
    ),
    "sorted by the target": (
        CONCRETE.sort_values("compressive_strength").assign(id=range(1030)),
        "compressive_strength",
    ),
    "sorted by a feature": (
        pd.DataFrame({"x": GRID, "z": DRAW.random(300), "y": np.sin(GRID)}),
        "y",
    ),
    "dates without a trend": (pd.DataFrame({"t": DAYS, "y": DRAW.normal(size=300)}), "y"),
    "sorted by class": (
        pd.DataFrame({"id": range(300), "x": DRAW.random(300), "y": np.repeat(list("bac"), 100)}),
        "y",
    ),
    "few rows": (IN_TIME[:30], "y"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_tables_are_no_series(case: str) -> None:
    table, target = OTHERS[case]
    assert not any(finding.order for finding in check_table("t", table, target).findings)


def test_the_command_names_the_options_that_mend_it(tmp_path: Any) -> None:
    path = tmp_path / "series.csv"
    series().to_csv(path, index=False)
    said = CliRunner().invoke(app, ["check", str(path), "--target", "y"])
    assert said.exit_code == 0 and "(--order t)" in said.stdout and "(--drop" in said.stdout

    mended = ["check", str(path), "--target", "y", "--order", "t", "--drop", "z", "--json"]
    found = json.loads(CliRunner().invoke(app, mended).stdout)["findings"]
    assert {finding["status"] for finding in found} == {"good"}
    assert "in the order of 't', 210 train and validate in 5 folds" in str(found)


def test_check_takes_what_a_search_takes() -> None:
    checked = check_table("t", series(), "y", order="t", drop=("z",))
    assert checked.dataset is not None
    assert checked.dataset.options == prepare_new("t", series(), "y", order="t", drop="z").options
