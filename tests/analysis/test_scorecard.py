"""Scorecards: from a table to a card that people read, and that decides as the network does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shoal
from problems.user_files import TINY_TABLE_SEARCH
from shoal.analysis.scorecard import Question, Scorecard, scorecard_of, scorecards
from shoal.analysis.summary import load_champion
from shoal.cli.run_input import read_run_input
from shoal.errors import DecoderError, SettingsError
from shoal.export.bundle import export_run, report_page
from shoal.inference.standalone import encode, predict
from shoal.orchestration.runner import Runner
from shoal.replay.verify import verify
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support.fakes import HereExecutor


def people(rows: int = 240) -> pd.DataFrame:
    """Loans: paid back by most who are older, have no debts, or own a house."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 70, rows).astype(float),
            "debts": random.gamma(1.0, 2000.0, rows).round(),
            "home": random.choice(["owned", "rented", "other"], rows),
        }
    )
    good = 2 * (frame["age"] > 35) + 3 * (frame["home"] == "owned") - 4 * (frame["debts"] > 3000)
    frame["paid"] = np.where(good + random.normal(0, 0.5, rows) > 1, "yes", "no")
    frame.loc[random.choice(rows, 12, replace=False), "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loans") / "loans.csv"
    people().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def searched(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with the run of `shoal run loans.csv --target paid --decoder scorecard`."""
    few = {**TINY_TABLE_SEARCH, "iterations": 60, "finalists": 1}
    del few["networks"]
    given = read_run_input(
        {"data": str(table), "target": "paid", "decoder": "scorecard", **few}, None
    )

    with open_store(tmp_path_factory.mktemp("cards") / "shoal.db") as store:
        store.add_run(given.subject, given.settings)
        claim = store.claim(Owner.here())
        assert claim is not None
        assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
        yield store


def test_the_decoders_name_says_it_all(searched: Store) -> None:
    run = searched.run(1)
    assert run.settings.max_depth == 0 and run.settings.networks == 1
    assert run.settings.objective.name == "balanced_accuracy"
    assert run.metric.name == "balanced_accuracy"
    assert run.data_options["encoding"] == "questions"
    assert all(not own.task.genome.hidden_layers for own in searched.evaluations(1))


def test_what_is_given_counts_more_than_the_decoder() -> None:
    settings = SearchSettings.parse({"decoder": "scorecard", "networks": 3, "loss": "zero_one"})
    assert settings.networks == 3 and settings.objective is None
    assert SearchSettings.recorded(settings.to_dict()) == settings


def test_the_card_decides_as_the_exported_network_does(searched: Store, tmp_path: Path) -> None:
    champion = load_champion(searched, searched.run(1))
    (card,) = scorecards(searched.load_problem(1), champion)
    assert 1 <= len(card.lines) <= 8 and all(abs(points) <= 5 for _, points in card.lines)
    assert champion.ensemble.test["balanced_accuracy"] > 0.6

    folder = export_run(searched, 1, tmp_path / "model")
    columns = {name: values.tolist() for name, values in people().items()}
    assert predict(folder, columns).values.tolist() == by_hand(card, people())

    # What predict.py says without Shoal.
    rows = tmp_path / "new.csv"
    people().drop(columns="paid").to_csv(rows, index=False)
    command = [sys.executable, "-I", "predict.py", str(rows), "--out", str(tmp_path / "out.csv")]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert pd.read_csv(tmp_path / "out.csv")["prediction"].tolist() == by_hand(card, people())
    assert json.loads((folder / "model.json").read_text())["format"] == 4


def by_hand(card: Scorecard, frame: pd.DataFrame) -> list[str]:
    """The decisions of somebody with the card and the table."""
    totals = np.zeros(len(frame), int)
    for question, points in card.lines:
        values = frame[question.column]
        if question.greater_than is not None:
            answers = values > question.greater_than
        elif question.level is not None:
            answers = values == question.level
        else:
            answers = values.isna()
        totals += points * answers.to_numpy()

    return [card.yes if total >= card.needed else card.no for total in totals]


def test_the_card_is_exported_for_people_and_programs(
    searched: Store, table: Path, tmp_path: Path
) -> None:
    folder = export_run(searched, 1, tmp_path / "model")
    champion = load_champion(searched, searched.run(1))
    (card,) = scorecards(searched.load_problem(1), champion)

    assert (folder / "scorecard.txt").read_text() == card.text()
    (found,) = json.loads((folder / "scorecard.json").read_text())
    assert found == card.to_dict()
    assert found["yes"] == "yes" and found["target"] == "paid"

    page = report_page(searched, 1).decode()
    assert "The scorecard" in page
    for question, _ in card.lines:
        assert question.text.replace(">", "&gt;") in page
    # The settings repeat the search.
    again = read_run_input({"data": str(table)}, folder / "settings.toml")
    assert again.settings == searched.run(1).settings
    assert again.subject.options.encoding == "questions"


def test_a_card_is_repeated_to_the_bit(searched: Store) -> None:
    recorded = searched.evaluations(1)[0]
    assert verify(searched, 1, recorded.task.genome.hash, recorded.task.repeat).same


def test_a_card_reads_like_this() -> None:
    lines = ((Question("home", level="owned"), 3), (Question("age", greater_than=35.5), -2))
    card = Scorecard("paid", "yes", "no", 1, (*lines, (Question("age"), -5)))
    assert card.text() == (
        "Scorecard for paid\n"
        "\n"
        "Add up the points of each question whose answer is yes.\n"
        "\n"
        "   +3  home is owned\n"
        "   -2  age > 35.5\n"
        "   -5  age is missing\n"
        "\n"
        "1 point or more: yes. Fewer: no.\n"
    )


def test_one_training_gives_a_card_and_other_inputs_are_refused() -> None:
    data = shoal.load_dataset(people(), "paid", encoding="questions", folds=1)
    result = shoal.train(data, iterations=100, decoder={"name": "scorecard", "k": 3, "points": 2})
    card = scorecard_of(data.encoder, result.weights)
    assert len(card.lines) <= 3 and all(abs(points) <= 2 for _, points in card.lines)
    assert result.scores.test["balanced_accuracy"] > 0.6
    # The inputs of the encoder and the questions of the card are in the same order.
    inputs = encode({name: own.tolist() for name, own in people().items()}, data.encoder.to_dict())
    assert inputs.shape == (240, data.inputs)

    with pytest.raises(SettingsError, match="decoder='scorecard' for a table with encoding") as no:
        shoal.train(shoal.load_dataset(people(), "paid"), decoder="scorecard")
    assert "--encoding questions" in no.value.remedy
    with pytest.raises(DecoderError, match="for a network of the widths"):
        shoal.train(data, shoal.Genome(hidden_layers=(4,)), decoder="scorecard")
    three = people()
    three["paid"] = np.arange(len(three)) % 3
    with pytest.raises(DecoderError, match="for a network of the widths"):
        shoal.train(shoal.load_dataset(three, "paid", encoding="questions"), decoder="scorecard")
