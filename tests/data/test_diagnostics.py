"""Findings about a table before a search: what a search refuses, and what spoils its result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_bad_tables import FRAMES, REFUSED
from typer.testing import CliRunner

from shoal.cli.main import app
from shoal.data import CanonicalTable, load_dataset, prepare_new, table_from_bytes
from shoal.data.column_profile import ColumnFacts, column_facts
from shoal.data.diagnostics import Checked, Finding, check_table
from shoal.data.presets import DATA_PRESETS
from shoal.errors import DataError, ShoalError

ROWS = 200


def plain(rows: int = ROWS, **columns: object) -> pd.DataFrame:
    """A table with nothing to say against it, and these columns in it."""
    u = np.random.RandomState(1).uniform(1, 2, (3, rows))
    table = pd.DataFrame({"a": u[0], "b": u[1], **columns, "y": columns.get("y", u[2])})
    return CanonicalTable.from_frame("t", table).frame


def texts(checked: Checked, status: str) -> str:
    return "\n".join(f"{f.what} {f.remedy}" for f in checked.findings if f.status == status)


def test_a_plain_table_gets_only_good_words() -> None:
    checked = check_table("t", plain(), "y")
    assert {f.status for f in checked.findings} == {"good"}
    assert checked.dataset is not None and not checked.bad
    assert "200 rows, 2 features: 140 train and validate in 5 folds, 60 test." in texts(
        checked, "good"
    )
    assert "Regression of 'y'" in texts(checked, "good")


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_search_refuses_is_a_bad_finding_with_the_same_place_and_remedy(case: str) -> None:
    content, expected = REFUSED[case]
    try:
        source = table_from_bytes(
            "odd.csv", content.encode() if isinstance(content, str) else content
        )
    except DataError as error:
        findings: tuple[Finding, ...] = (Finding.of(error),)
    else:
        checked = check_table("odd", source, "y")
        assert checked.bad
        findings = checked.findings

    assert findings[0].status == "bad" and findings[0].remedy

    said = "\n".join(f"{f.what} {f.remedy}" for f in findings if f.status == "bad")
    assert [part for part in expected if part not in said] == []


CHOICES: dict[str, list[object]] = {
    "sound": [0.5, 1.25, 3.0, 7.5],
    "infinite": [1.0, np.inf],
    "missing": [None, 1.5],
    "empty": [None],
    "constant": [4],
    "words": ["red", "green", None],
    "mixed": ["1.5", "red", "2"],
    "mostly numbers": [1, 2, 3, 4, 5, 6, 7, 8, "x"],
    "dates": ["2024-01-01", "2024-02-01"],
    "zero": [0],
    "classes": ["yes", "no"],
    "rare": ["a"] * 30 + ["b"],
    "few": [0, 1, 2],
    "large": [2**60, 2**60 + 1],
}


@settings(max_examples=120, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(CHOICES)), min_size=1, max_size=4),
    rows=st.integers(1, 60),
    preset=st.sampled_from(list(DATA_PRESETS)),
    folds=st.sampled_from([None, 1, 3, 40]),
    same=st.sampled_from(["", "all", "c0", "nothing"]),
    task=st.sampled_from([None, "regression", "classification"]),
    seed=st.integers(0, 9),
)
def test_bad_exactly_where_a_search_refuses(
    kinds: list[str],
    rows: int,
    preset: str,
    folds: int | None,
    same: str,
    task: str | None,
    seed: int,
) -> None:
    random = np.random.RandomState(seed)
    columns = {}
    for number, kind in enumerate(kinds):
        cells = CHOICES[kind]
        columns[f"c{number}"] = [cells[i] for i in random.randint(len(cells), size=rows)]

    source = CanonicalTable.from_frame("t", pd.DataFrame(columns))
    options = {"folds": folds, "same": same, "task": task}
    checked = check_table("t", source, f"c{len(kinds) - 1}", preset, **options)  # type: ignore[arg-type]

    try:
        prepare_new("t", source, f"c{len(kinds) - 1}", preset, **options)  # type: ignore[arg-type]
    except ShoalError as error:
        assert checked.bad and checked.findings[0].status == "bad"
        assert error.problem in texts(checked, "bad")  # noqa: PT017  either outcome is right
    else:
        assert not checked.bad and not texts(checked, "bad")


def test_every_bad_column_is_named_at_once() -> None:
    source = plain(
        when=["1.1.24"] * ROWS,
        big=[2**60] * ROWS,
        holes=[None] * ROWS,
        words=[f"w{i}" for i in range(ROWS)],
    )
    bad = [f for f in check_table("t", source, "y").findings if f.status == "bad"]
    assert len(bad) == 4

    for name in ("when", "big", "holes", "words"):
        assert sum(repr(name) in f.what for f in bad) == 1, name
    classic = texts(
        check_table("t", plain(w=["a", "b"] * 100, h=[None, 1.5] * 100), "y", "classic"), "bad"
    )
    assert "not so: 'w', 'h'" in classic and "modern" in classic


def test_a_refused_column_is_named_once() -> None:
    found = check_table("t", plain(c=[f"n{i}" for i in range(ROWS)], d=range(ROWS)), "y")
    assert "column 'c'" in texts(found, "bad")
    assert "identifier has: 'c', 'd'" in texts(found, "look"), "'d' is not refused"
    found = check_table("t", plain(c=[f"n{i}" for i in range(ROWS)]), "y")
    assert "column 'c'" in texts(found, "bad")
    assert "'c'" not in texts(found, "look")


RANDOM = np.random.RandomState(2)
LOOK: dict[str, tuple[pd.DataFrame, dict[str, object], list[str]]] = {
    "constant": (plain(c=[3] * ROWS), {}, ["same in every row", "'c'", "leave them out"]),
    "row numbers": (plain(c=RANDOM.permutation(ROWS)), {}, ["identifier", "'c'"]),
    "names": (plain(80, c=[f"n{i}" for i in range(80)]), {}, ["identifier", "'c'"]),
    "target in other units": (
        plain(c=plain()["y"] * 9 - 4),
        {},
        ["target 'y' in other words: 'c'", "not known"],
    ),
    "target's logarithm": (plain(c=np.log(plain()["y"] ** 30)), {}, ["in other words: 'c'"]),
    "classes in other words": (
        plain(c=["x", "z"] * 100, y=["n", "p"] * 100),
        {},
        ["in other words: 'c'"],
    ),
    "few values": (
        plain(y=RANDOM.choice([0.5, 1.5, 2.5], ROWS)),
        {},
        ["only 3 different", "classification"],
    ),
    "numbers as classes": (
        plain(y=RANDOM.choice([1, 2, 3], ROWS)),
        {},
        ["taken for 3 classes", "regression"],
    ),
    "one class is most": (plain(y=["no"] * 188 + ["yes"] * 12), {}, ["94 %", "'no'", "balanced"]),
    "rare class": (
        plain(y=["a"] * 96 + ["b"] * 96 + ["odd"] * 8),
        {},
        ["fewer than 10", "'odd'", "merge"],
    ),
    "long tail": (plain(y=np.exp(RANDOM.normal(0, 2.5, ROWS))), {}, ["long tail", "logarithm"]),
    "mostly missing": (plain(c=[None, None, 1.5, 2.5] * 50), {}, ["'c' 50 %", "mostly empty"]),
    "mark of missing values": (
        plain(c=[-999.0, *np.arange(19.0)] * 10),
        {},
        ["-999 stands in 10 rows of 'c'", "leave these cells empty"],
    ),
    "a mark of missing values that is near": (
        plain(c=[-1, *range(1, 20)] * 10),
        {},
        ["-1 repeats, and is the only value of 'c' below 0", "leave these cells empty"],
    ),
    "a target that counts rows": (
        plain(y=range(200)),
        {},
        ["The target 'y' counts the rows up", "choose another target"],
    ),
    "two marks": (
        plain(c=[-9999, 9999, *range(1000, 1018)] * 10),
        {},
        ["-9999 stands in 10 rows of 'c'", "9999 stands in 10 rows"],
    ),
    "mark in a target": (
        plain(y=[-99.9, *np.arange(19.0)] * 10),
        {},
        ["-99.9 stands in 10 rows of 'y'"],
    ),
    "any mark": (plain(c=[-32768, *range(19)] * 10), {}, ["-32768 stands in 10 rows of 'c'"]),
    "mark among few values": (plain(c=[1, 2, 3, 4, 99] * 40), {}, ["99 stands in 40 rows"]),
    "mixed": (plain(c=["1", "2", "many", "few"] * 50), {}, ["Numbers and words", "'c'"]),
    "many words": (
        plain(c=[f"w{i % 40}" for i in range(ROWS)]),
        {},
        ["Over 30 different words", "'c'"],
    ),
    "few rows": (plain(40), {}, ["Only 40 rows", "12 that test", "intervals"]),
    "too few for folds": (
        plain(12, y=["a", "b"] * 6),
        {},
        ["One part validates all trainings, as 5 folds fail: t: class 'a' has 4 rows"],
    ),
    "a fold of zeros": (
        plain(y=[1.5, *[0.0] * 24] * 7 + [2.5, *[0.0] * 24]),
        {"seed": 0},
        ["as 5 folds fail: t: the validation (fold 2) part has only zeros"],
    ),
    "equal rows": (
        plain().iloc[np.r_[:ROWS, :ROWS]].reset_index(drop=True),
        {},
        ["400 rows", "200 of them copies", "equal in all"],
    ),
}


@pytest.mark.parametrize("case", LOOK)
def test_what_may_spoil_a_search_is_found(case: str) -> None:
    source, options, words = LOOK[case]
    checked = check_table("t", source, "y", **options)  # type: ignore[arg-type]
    assert not checked.bad, texts(checked, "bad")
    assert [word for word in words if word not in texts(checked, "look")] == []
    calm = texts(check_table("t", plain(), "y"), "look")
    assert words[0] not in calm


@pytest.mark.parametrize(
    "values",
    [
        [*range(99), 99] * 2,  # the largest of many
        [0, 0, 0, *range(40, 57)] * 10,  # zeros may be amounts
        [-999, *range(199)],  # once
        [0, 1] * 100,
        [1, 2, 3, 4, 5] * 40,
        [-1, 0, 1, 2] * 50,  # signs
        [-1, -2, *range(18)] * 10,
        [-5, *range(19)] * 10,
    ],
)
def test_values_that_are_not_far_outside_are_no_marks(values: list[int]) -> None:
    assert "may stand for" not in texts(check_table("t", plain(c=values), "y"), "look")


def test_shares_of_missing_cells_are_plain_numbers() -> None:
    table = plain(
        none=[None] * (ROWS - 1) + [1.0],
        half=[None, 1.5] * (ROWS // 2),
        one=[None] + [2.0, 3.0] * (ROWS // 2 - 1) + [2.0],
    )
    said = texts(check_table("t", table, "y"), "look")
    assert "'none' 100 %, 'half' 50 %, 'one' 0.5 %" in said


def test_nothing_is_good_about_a_target_that_does_not_vary() -> None:
    checked = check_table("t", plain(y=[3.5] * ROWS), "y")
    assert "3.5 in every row" in texts(checked, "bad")
    assert "Regression of" not in texts(checked, "good")


def test_rows_that_are_kept_together_are_no_leak() -> None:
    twice = plain().iloc[np.r_[:ROWS, :ROWS]].reset_index(drop=True)
    assert "different parts" in texts(check_table("t", twice, "y"), "look")
    kept = check_table("t", twice, "y", same="all")
    assert not texts(kept, "look") and "such rows stay in one part" in texts(kept, "good")


@pytest.mark.parametrize("case", FRAMES)
def test_frames_of_odd_types_are_bad_findings_and_raise_nothing(case: str) -> None:
    frame, expected = FRAMES[case]
    checked = check_table("t", frame, "y")
    assert checked.bad and checked.findings[0].remedy
    said = texts(checked, "bad")
    assert [part for part in expected if part not in said] == []


def test_facts_count_what_columns_hold() -> None:
    source = CanonicalTable.from_frame(
        "t",
        pd.DataFrame(
            {"n": [1, 2, 2], "x": [0.5, None, 0.5], "w": ["a", None, None], "e": [None] * 3}
        ),
    )
    whole, numbers, text, empty = column_facts(source)
    assert whole == ColumnFacts("n", "whole numbers", missing=0, distinct=2)
    assert numbers == ColumnFacts("x", "numbers", missing=1, distinct=1)
    assert text == ColumnFacts("w", "text", missing=2, distinct=1)
    assert (empty.name, empty.missing, empty.distinct) == ("e", 3, 0)
    assert [facts.constant for facts in (whole, numbers, text, empty)] == [False] * 3 + [True]


def test_the_command_tells_and_its_exit_code_says_whether_a_search_can_start(
    tmp_path: Path,
) -> None:
    good = CliRunner().invoke(app, ["check", "concrete"])
    assert good.exit_code == 0
    assert "same features as another" in good.stdout and "cement" in good.stdout

    path = tmp_path / "odd.csv"
    path.write_text("a,when,y\n" + "".join(f"{i % 9},1.1.24,{i}.5\n" for i in range(60)))
    bad = CliRunner().invoke(app, ["check", str(path), "--target", "y", "--json"])
    assert bad.exit_code == 2
    said = json.loads(bad.stdout)
    assert [c["name"] for c in said["columns"]] == ["a", "when", "y"]
    assert said["findings"][0]["status"] == "bad" and "date" in said["findings"][0]["what"]


def test_loading_and_checking_agree_on_the_bundled_table() -> None:
    dataset = load_dataset("concrete")
    assert dataset.source is not None
    checked = check_table("concrete", dataset.source, "compressive_strength")
    assert checked.dataset is not None
    np.testing.assert_array_equal(checked.dataset.train.x, dataset.train.x)


@pytest.mark.parametrize("largest", [1e39, 1e200, 1.7e308, -1.7e308])
def test_a_target_beyond_single_precision_is_one_bad_finding(largest: float) -> None:
    ordinary = np.linspace(0, 9, 33)
    y = [*ordinary, *[largest] * 3, *[-largest] * 3, largest / 2]
    frame = pd.DataFrame({"a": range(40), "y": y, "b": [*y[20:], *y[:20]]})
    found = check_table("t", frame, "y").findings
    assert next(finding.what for finding in found if finding.status == "bad").endswith(
        "is too large. Expected: numbers within ±3.4e+38."
    )
    assert not any("long tail" in finding.what for finding in found)
