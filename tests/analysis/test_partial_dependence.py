"""Partial dependence and individual lines, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence as sklearn_partial_dependence

from shoal.analysis.champion_rows import ChampionRows
from shoal.analysis.partial_dependence import LINES, MOST_VALUES, partial_dependence
from shoal.errors import AnalysisError
from shoal.inference.standalone import encode
from support.champions import champion_of_table, customers


@pytest.fixture(scope="module")
def leavers() -> ChampionRows:
    return champion_of_table(customers(), "left", drop="paid")


class Whole(RegressorMixin, BaseEstimator):
    """The exported way from a table to a probability, as an estimator of scikit-learn."""

    def __init__(self, champion: ChampionRows) -> None:
        self.champion = champion
        self.fitted_ = True

    def fit(self, x: pd.DataFrame, y: object = None) -> Whole:
        return self

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        encoder = self.champion.problem.dataset.encoder.to_dict()
        inputs = encode({name: x[name].tolist() for name in x}, encoder)
        return self.champion.together(self.champion.predict(inputs))[:, 1]


def _test_table(champion: ChampionRows) -> pd.DataFrame:
    table = champion.problem.dataset.source
    assert table is not None
    return table.iloc[champion.part.rows][list(champion.columns)]


def test_numbers_are_scikit_learns(leavers: ChampionRows) -> None:
    found = partial_dependence(leavers, "usage")
    table = _test_table(leavers)
    for place in (0, 7, len(found.values) - 1):
        changed = table.assign(usage=found.values[place])
        own = Whole(leavers).predict(changed)
        assert found.average[place, 1] == pytest.approx(own.mean())

    # With a grid of all values scikit-learn's function has the same values to try.
    few = table.assign(usage=table["usage"].round(-1).fillna(50.0))
    reference = sklearn_partial_dependence(
        Whole(leavers), few, ["usage"], kind="both", method="brute", percentiles=(0, 1)
    )
    for value, average in zip(reference["grid_values"][0], reference["average"][0], strict=True):
        own = Whole(leavers).predict(table.assign(usage=float(value)))
        assert own.mean() == pytest.approx(float(average), abs=1e-6)


def test_lines_are_single_rows_whose_mean_is_the_average(leavers: ChampionRows) -> None:
    every = partial_dependence(leavers, "plan", lines=1_000)
    assert every.individual.mean(axis=0) == pytest.approx(every.average)
    assert len(every.row_numbers) == every.rows == len(leavers.part.rows)

    some = partial_dependence(leavers, "plan")
    assert some.individual.shape == (LINES, 3, 2)
    table = leavers.problem.dataset.source
    assert table is not None
    row = table.iloc[[some.row_numbers[4]]][list(leavers.columns)].assign(plan="pro")
    assert some.individual[4, 2, 1] == pytest.approx(float(Whole(leavers).predict(row)[0]))


def test_networks_together_are_their_weighted_mean(leavers: ChampionRows) -> None:
    found = partial_dependence(leavers, "usage")
    assert found.by_network.shape == (3, len(found.values), 2)
    mixed = np.tensordot(leavers.champion.shares, found.by_network, axes=1)
    assert mixed == pytest.approx(found.average)


def test_categories_have_shares_and_dates_are_dates(leavers: ChampionRows) -> None:
    plans = partial_dependence(leavers, "plan")
    assert plans.values == ("basic", "plus", "pro") and plans.kind == "category"
    assert sum(plans.shares) == pytest.approx(1.0)

    dates = partial_dependence(leavers, "since")
    assert dates.kind == "date" and len(dates.values) <= MOST_VALUES
    # Whole days, as in the table.
    moments = pd.to_datetime(pd.Series(dates.values), format="%Y-%m-%d")
    assert moments.is_monotonic_increasing and len(dates.deciles) == 9


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ([f"{hour:02}:30" for hour in range(24)], [hour + 0.5 for hour in range(24)]),
        ([f"{day} days 12:00:00" for day in range(24)], [day + 0.5 for day in range(24)]),
    ],
)
def test_times_of_day_are_hours_and_durations_are_days(
    cells: list[str], values: list[float]
) -> None:
    frame = customers(240).assign(since=cells * 10)
    champion = champion_of_table(frame, "paid", drop="left", networks=1)
    found = partial_dependence(champion, "since")
    assert np.isin(np.round(found.values, 6), values).all()
    place = found.values.index(pytest.approx(values[3]))
    row = _test_table(champion).assign(since=cells[3])
    own = champion.together(champion.predict(_inputs(champion, row)))
    assert found.average[place, 0] == pytest.approx(own.mean(), rel=1e-5)


def _inputs(champion: ChampionRows, table: pd.DataFrame) -> np.ndarray:
    encoder = champion.problem.dataset.encoder.to_dict()
    return encode({name: table[name].tolist() for name in table}, encoder)


def test_several_targets_have_a_line_each() -> None:
    frame = customers().assign(other=lambda table: 2 * table["paid"].fillna(0) + 5)
    frame["paid"] = frame["paid"].fillna(150.0)
    frame["other"] = frame["paid"] * 2
    champion = champion_of_table(frame, ["paid", "other"], drop="left", networks=2)
    found = partial_dependence(champion, "usage")
    assert found.outputs == ("paid", "other")
    assert found.average.shape == (len(found.values), 2)
    frame_of_it = found.to_frame()
    assert list(frame_of_it) == ["value", "output", "average", "low", "high"]
    assert (frame_of_it["low"] <= frame_of_it["high"]).all()


def test_another_name_is_refused_with_what_is_near(leavers: ChampionRows) -> None:
    with pytest.raises(AnalysisError, match="usage"):
        partial_dependence(leavers, "usages")
