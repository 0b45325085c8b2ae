"""Parts and folds: which rows train, validate and test, and which rows stay together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.data import load_dataset
from shoal.data.splits import repeated_rows
from shoal.errors import DataError
from shoal.genome.genome import Genome
from shoal.problems.base import evaluate
from shoal.problems.evaluation import Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.champion import assemble_champion, refit_jobs, select_champion
from shoal.tuning.search import Search
from support.tables import mixed_table, same_bits

KEEP: list[dict[str, object]] = [
    {},
    {"group": "place"},
    {"same": "place,colour"},
    {"same": ["new", "place"]},
    {"same": "all"},
]

# The columns that these options keep together; "all" means every feature.
KEPT_TOGETHER = {
    str({"group": "place"}): ["place"],
    str({"same": "place,colour"}): ["place", "colour"],
    str({"same": ["new", "place"]}): ["new", "place"],
}


@settings(max_examples=25, deadline=None)
@given(
    folds=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
    target=st.sampled_from(["y", "kind"]),
    keep=st.sampled_from(KEEP),
)
def test_folds_cover_the_rows_that_are_not_test(
    folds: int, seed: int, target: str, keep: dict[str, object]
) -> None:
    table = mixed_table(120)
    data = load_dataset(table, target, seed=seed, folds=folds, **keep)
    assert data.validation is None and data.validates
    assert same_bits(data, load_dataset(table, target, seed=seed, folds=folds, **keep))

    # The test part does not depend on the folds; all other rows are learned from.
    holdout = load_dataset(table, target, seed=seed, **keep)
    assert data.test.rows.tolist() == holdout.test.rows.tolist()
    learned = np.setdiff1d(np.arange(120), data.test.rows)
    assert data.train.rows.tolist() == data.fit_part(refit=True).rows.tolist() == learned.tolist()

    held_out_rows = []
    for repeat in range(folds):
        part, held_out = data.parts(repeat)
        assert sorted([*part.rows, *held_out.rows]) == learned.tolist()
        np.testing.assert_array_equal(part.x, data.train.x[np.isin(learned, part.rows)])
        assert part.x.flags.c_contiguous and len(part.y) == len(part.target) == len(part.x)
        _, again = data.parts(repeat + 3 * folds)
        assert again.rows.tolist() == held_out.rows.tolist()
        held_out_rows.append(held_out.rows)
    assert sorted(np.concatenate(held_out_rows)) == learned.tolist()

    if not keep:
        sizes = [len(rows) for rows in held_out_rows]
        assert max(sizes) - min(sizes) <= 1
        return

    # No combination of values of these columns is in two folds, or in a fold and the test part.
    together = KEPT_TOGETHER.get(str(keep)) or [name for name in table if name != target]
    keys = pd.Series(list(map(str, table[together].itertuples(index=False))))
    keys_by_part = [set(keys[rows]) for rows in (*held_out_rows, data.test.rows)]
    assert sum(map(len, keys_by_part)) == len(set().union(*keys_by_part))


def test_folds_of_one_and_of_many_are_told_apart() -> None:
    table = mixed_table(120)
    assert load_dataset(table, "y", folds=1).validation is not None
    assert load_dataset(table, "y").options.folds == 5

    holdout = load_dataset(table, "y", validation_fraction=0.1)
    assert holdout.parts(0) == holdout.parts(7) == (holdout.train, holdout.validation)

    classic = load_dataset("concrete", preset="classic")
    assert classic.parts(3) == (classic.train, None) and not classic.validates

    first = load_dataset(table, "y", folds=3, seed=1)
    second = load_dataset(table, "y", folds=3, seed=2)
    assert first.fold_numbers.tolist() != second.fold_numbers.tolist()


@pytest.mark.parametrize(
    ("table", "target", "options"),
    [
        (mixed_table(10), "y", {"test_fraction": 0.6}),
        (mixed_table(60).assign(kind=["rare"] * 4 + ["common"] * 56), "kind", {}),
        (mixed_table(60).assign(place=np.repeat([0, 1, 2], 20)), "y", {"group": "place"}),
    ],
    ids=["rows", "class", "groups"],
)
def test_folds_that_nobody_asked_for_stop_no_table(
    table: pd.DataFrame, target: str, options: dict[str, object]
) -> None:
    data = load_dataset(table, target, **options)
    assert data.options.folds == 1 and data.validation is not None
    with pytest.raises(DataError, match="folds"):
        load_dataset(table, target, folds=5, **options)


def test_folds_are_not_given_up_for_what_no_fold_is_to_blame_for() -> None:
    # 105 rows train and validate: more texts than a column may have. 84 rows would be fewer.
    table = mixed_table(150).assign(id=[f"C{row:05}" for row in range(150)])
    for folds in (None, 5):
        with pytest.raises(DataError, match="column 'id' has 105 different texts"):
            load_dataset(table, "y", folds=folds)


def test_each_fold_has_its_share_of_each_class() -> None:
    data = load_dataset(mixed_table(120), "kind", folds=5)
    counts = np.array(
        [np.bincount(data.parts(repeat)[1].target.astype(int)) for repeat in range(5)]
    )
    assert counts.shape == (5, 3) and (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


def test_groups_make_folds_of_like_size() -> None:
    sizes = [30, 20, 10, 10, 10, 5, 5, 5, 3, 2]
    table = pd.DataFrame(
        {"g": np.repeat(np.arange(10), sizes), "a": np.arange(100.0), "y": np.arange(100) + 1.0}
    )
    data = load_dataset(table, "y", group="g", folds=3, test_fraction=0)
    assert sorted(np.bincount(data.fold_numbers)) in ([30, 35, 35], [33, 33, 34], [32, 33, 35])
    assert data.test is None


def test_a_search_over_folds_trains_and_scores_on_them() -> None:
    data = load_dataset(mixed_table(90), "y", folds=3)
    options = SearchSettings(
        population=2, elitism=0, generations=1, repeats=3, iterations=5, racing="fixed", finalists=0
    )
    problem = TableProblem(data, options)
    engine = get_engine("cpu")

    # Each repeat trains on the other folds and is scored on its own. The fourth begins again.
    for repeat in range(4):
        evaluation = evaluate(problem, Task(Genome(), repeat), engine)
        part, held_out = data.parts(repeat)
        training = problem.training(evaluation.task)
        assert training.x.tobytes() == part.x.tobytes() and training.y.tobytes() == part.y.tobytes()
        (result,) = engine.train([training])

        on_part = problem.predictions(engine, Genome(), result.weights, part)
        assert problem.metrics(on_part, part) == evaluation.scores.train
        on_held_out = problem.predictions(engine, Genome(), result.weights, held_out)
        assert problem.metrics(on_held_out, held_out) == evaluation.scores.validation
        assert evaluation.accuracy == evaluation.scores.validation.accuracy

    # A champion is trained on all folds.
    search = Search(options)
    while tasks := search.ask():
        for task in tasks:
            search.tell(evaluate(problem, task, engine))
    chosen = select_champion(search)
    jobs = refit_jobs(problem, chosen)
    assert [job.refit for job in jobs] == [True] * 3
    weights = {job: job.run(problem, engine) for job in jobs}
    training = problem.training(jobs[0].task, refit=True)
    assert training.x.tobytes() == data.train.x.tobytes()
    champion = assemble_champion(problem, chosen, weights, engine)
    assert champion.refitted and champion.scores.test is not None
    assert champion.scores.validation.accuracy == pytest.approx(champion.accuracy)


@pytest.mark.parametrize(
    ("table", "target", "options", "words"),
    [
        (mixed_table(20), "y", {"folds": 15}, ["14 rows", "15 folds", "fewer folds"]),
        (
            mixed_table(60),
            "y",
            {"folds": 12, "group": "place"},
            ["groups", "12 folds", "fewer folds"],
        ),
        (
            mixed_table(60).assign(kind=["rare"] * 4 + ["common"] * 56),
            "kind",
            {"folds": 5},
            ["'rare'", "3 rows", "5 folds", "fewer folds"],
        ),
        (
            mixed_table(60).assign(
                kind=np.repeat([*"aabbb"], 12), place=np.repeat([0, 0, 1, 2, 3], 12)
            ),
            "kind",
            {"folds": 2, "group": "place", "test_fraction": 0},
            ["'a'", "all rows in one", "other groups"],
        ),
        (mixed_table(60), "y", {"same": "plaec"}, ["'plaec'", "Did you mean 'place'", "spelling"]),
        (
            mixed_table(60).assign(place=1),
            "y",
            {"same": "place"},
            ["too few groups", "other columns"],
        ),
        (mixed_table(12), "y", {"test_fraction": 0.03}, ["no row of 12", "test part", "fractions"]),
        (
            mixed_table(12),
            "y",
            {"validation_fraction": 0.01},
            ["no row of 12", "validation part", "fractions"],
        ),
    ],
)
def test_tables_that_make_no_folds_or_parts(
    table: pd.DataFrame, target: str, options: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(DataError) as raised:
        load_dataset(table, target, **options)
    assert raised.value.remedy and raised.value.expected
    assert [word for word in words if word not in str(raised.value)] == []


# Rows that belong together


def test_rows_with_equal_features_are_kept_together_or_mentioned() -> None:
    loose = load_dataset("concrete", folds=1)
    kept = load_dataset("concrete", same="all")
    features = [name for name in loose.source if name != "compressive_strength"]
    keys = loose.source[features].astype(str).agg(" ".join, axis=1)
    part_of_row = pd.Series(0, index=keys.index)
    part_of_row[loose.validation.rows] = 1
    part_of_row[loose.test.rows] = 2
    twins = int((part_of_row.groupby(keys).transform("nunique") > 1).sum())

    assert twins
    assert any(note.startswith(f"{twins} rows have the same features") for note in loose.notes)
    assert not any("same features" in note for note in kept.notes)
    assert {name for column in kept.encoder.columns for name in column.inputs} == set(features)

    folds = load_dataset("concrete", folds=3)
    assert any("same features" in note and "--same all" in note for note in folds.notes)
    assert not any(
        "same features" in note for note in load_dataset("concrete", folds=3, same="all").notes
    )

    classic = load_dataset("concrete", preset="classic")
    assert any("same features" in note and "--same" not in note for note in classic.notes)


def test_the_mixes_of_concrete_stay_whole() -> None:
    mix = [
        "cement",
        "blast_furnace_slag",
        "fly_ash",
        "water",
        "superplasticizer",
        "coarse_aggregate",
        "fine_aggregate",
    ]
    data = load_dataset("concrete", same=", ".join(mix), folds=1)
    assert data.options.same == tuple(mix) and data.inputs == 8

    mixes_of_rows = data.source[mix].to_numpy()
    mixes_by_part = []
    for part in (data.train, data.validation, data.test):
        mixes_by_part.append(set(map(tuple, mixes_of_rows[part.rows])))

    assert sum(map(len, mixes_by_part)) == len(set().union(*mixes_by_part)) == 427


def test_missing_cells_are_equal_to_each_other() -> None:
    table = mixed_table(80)
    table["a"] = pd.Series([None, "x", "y", "z"] * 20, dtype=object)
    table["b"] = [np.nan, 1.0, 2.0, 3.0] * 20
    table["c"] = np.where(np.arange(80) // 4 % 2, np.nan, 1.0)
    groups = repeated_rows(table, ["a", "b", "c"])

    assert sorted(np.unique(groups)) == list(range(8))
    assert pd.Series(groups).groupby([np.arange(80) % 4, table["c"].isna()]).nunique().eq(1).all()

    data = load_dataset(table, "y", same=["a", "b"])
    parts_of_missing = [set(p.rows % 4) for p in (data.train, data.validation, data.test)]
    assert sum(map(len, parts_of_missing)) == 4
