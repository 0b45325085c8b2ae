"""Permutation importance of the columns of a table, for the networks of a champion together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from shoal.analysis.champion_rows import ChampionRows, champion_rows
from shoal.analysis.input_importance import input_importances, usual_repeats
from shoal.errors import AnalysisError, SettingsError
from support.champions import champion_of_table, customers


@pytest.fixture(scope="module")
def leavers() -> ChampionRows:
    return champion_of_table(customers(), "left", drop="paid")


@pytest.fixture(scope="module")
def payments() -> ChampionRows:
    return champion_of_table(customers(), "paid", drop="left", metric="mae")


def test_what_decides_is_important_and_noise_is_not(leavers: ChampionRows) -> None:
    found = input_importances(leavers)
    frame = found.to_frame()
    assert set(frame.index) == {"usage", "plan", "since", "noise"}
    assert set(frame.index[:2]) == {"usage", "plan"}
    assert all(own.clear for own in found.inputs[:2])
    # Percentage points.
    assert abs(frame.loc["noise", "loss"]) < 4 < frame.loc["usage", "loss"]


def test_inputs_that_a_column_became_are_shuffled_together(leavers: ChampionRows) -> None:
    frame = input_importances(leavers).to_frame()
    # Gaps are told apart by an input of their own.
    assert frame.loc["usage", "inputs"] == 2
    assert frame.loc["plan", "inputs"] == 3 and frame.loc["plan", "kind"] == "category"
    assert frame.loc["since", "inputs"] >= 3 and frame.loc["since", "kind"] == "date"


def test_a_leak_is_nearly_all_that_counts() -> None:
    frame = customers()
    frame["leak"] = np.where(frame["left"] == "yes", "gone", "here")
    found = input_importances(champion_of_table(frame, "left", drop="paid"))
    assert found.inputs[0].column == "leak"
    others = [max(0.0, own.loss.mean) for own in found.inputs[1:]]
    assert found.inputs[0].loss.mean > 3 * max(others)


@pytest.mark.parametrize("kind", ["leavers", "payments"])
def test_losses_are_those_of_a_shuffle_by_hand(kind: str, request: pytest.FixtureRequest) -> None:
    champion: ChampionRows = request.getfixturevalue(kind)
    found = input_importances(champion, repeats=60)
    random = np.random.default_rng(99)
    part = champion.part
    classes = champion.problem.dataset.classes

    def badness(x: np.ndarray) -> float:
        """Percent wrong, or the mean absolute error: written down once more."""
        mixed = 0.0
        for share, own in zip(champion.champion.shares, champion.champion.weights, strict=True):
            outputs = champion.problem.network(champion.champion.genome).forward(own[None], x)[0]
            values = outputs.astype(float)
            if classes:
                powers = np.exp(values - values.max(axis=1, keepdims=True))
                values = powers / powers.sum(axis=1, keepdims=True)
            else:
                target = champion.problem.dataset.encoder.target
                values = values[:, 0] * target.scale + target.offset
            mixed = mixed + share * values
        if classes:
            return float(100 * np.mean(np.argmax(mixed, axis=1) != part.target))
        return float(np.mean(np.abs(mixed - part.target)))

    names = champion.problem.dataset.encoder.inputs
    for own in found.inputs:
        block = [
            place
            for place, name in enumerate(names)
            if name == own.column or name.startswith((f"{own.column}=", f"{own.column} ("))
        ]
        losses = []
        for _ in range(60):
            x = part.x.copy()
            x[:, block] = part.x[random.permutation(len(x))][:, block]
            losses.append(badness(x) - badness(part.x))
        error = np.std(losses) / np.sqrt(60)
        # Two means of 60 shuffles each.
        assert own.loss.mean == pytest.approx(np.mean(losses), abs=6 * error + 1e-9)


def test_the_interval_is_over_shuffles_and_networks(leavers: ChampionRows) -> None:
    found = input_importances(leavers)
    for own in found.inputs:
        assert own.loss.low <= own.loss.mean <= own.loss.high
        assert len(own.by_network) == 3
    # Far more shuffles leave what networks differ by.
    usage = next(own for own in input_importances(leavers, repeats=100).inputs)
    spread = np.std(usage.by_network, ddof=1) / np.sqrt(3)
    assert usage.loss.high - usage.loss.mean > 1.9 * spread


def test_one_network_has_an_interval_too() -> None:
    found = input_importances(champion_of_table(customers(200), "left", drop="paid", networks=1))
    assert found.networks == 1
    assert found.inputs[0].loss.low < found.inputs[0].loss.mean


def test_the_same_seed_gives_the_same_numbers(leavers: ChampionRows) -> None:
    first = input_importances(leavers, seed=3).to_dict()
    assert first == input_importances(leavers, seed=3).to_dict()
    assert first != input_importances(leavers, seed=4).to_dict()


def test_without_test_rows_there_is_nothing_to_say(leavers: ChampionRows) -> None:
    problem = leavers.problem
    without = replace(problem, dataset=replace(problem.dataset, test=None))
    with pytest.raises(AnalysisError, match="all rows of the table"):
        champion_rows(without, leavers.champion)


@pytest.mark.parametrize("repeats", [1, 0, 1_001, 2.5, "3"])
def test_repeats_out_of_range_are_refused(leavers: ChampionRows, repeats: object) -> None:
    with pytest.raises(SettingsError, match="repeats="):
        input_importances(leavers, repeats=repeats)  # type: ignore[arg-type]


def test_smaller_metrics_lose_upwards(payments: ChampionRows) -> None:
    found = input_importances(payments)
    assert not found.metric.maximizes
    assert found.inputs[0].column == "usage" and found.inputs[0].loss.low > 0
    assert isinstance(found.to_frame(), pd.DataFrame)


def test_wide_tables_are_shuffled_less_often_where_somebody_waits(leavers: ChampionRows) -> None:
    assert usual_repeats(leavers) == 10
    many = replace(leavers.champion, weights=np.repeat(leavers.champion.weights, 20, axis=0))
    assert usual_repeats(replace(leavers, champion=many)) == 4
