"""An episode of a champion's policy, in a process of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import shoal
from shoal.analysis.summary import load_champion
from shoal.errors import ProblemError
from shoal.replay.episodes import champion_episode, record_episode
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Store, open_store
from shoal.tuning.champion import Champion
from support.tables import tiny_dataset

PERIODS = 60
BRIEF = {
    "population": 2,
    "generations": 1,
    "repeats": 1,
    "max_repeats": 1,
    "iterations": 2,
    "finalists": 0,
    "validation_scenarios": 2,
    "test_scenarios": 2,
    "workers": 1,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a search over a simulation that has ended, run 1, and a table's, run 2."""
    with open_store(tmp_path_factory.mktemp("episodes") / "shoal.db") as store:
        shoal.search(get_simulation("lost-sales", periods=PERIODS), store=store, **BRIEF)
        store.add_run(tiny_dataset(), SearchSettings())
        yield store


def test_an_episode_is_what_the_policy_observed_and_answered(store: Store) -> None:
    episode = champion_episode(store, 1)
    assert episode is not None
    assert list(episode.observations) == [f"observation {n}" for n in (1, 2, 3, 4)]
    assert list(episode.actions) == ["action 1"]
    # 50 periods of the shop are not scored.
    assert episode.steps == 50 + PERIODS == len(episode.actions["action 1"])

    champion = load_champion(store, store.run(1))
    assert champion is not None
    again = record_episode(store.load_problem(1), champion)
    assert again == episode, "the same scenario, and the same bits in another process"

    network = store.load_problem(1).network(champion.genome)
    first = np.array([values[0] for values in episode.observations.values()], dtype=np.float32)
    assert first.shape == (network.layers[0],)


def test_a_run_without_a_champion_has_no_episode(store: Store) -> None:
    assert champion_episode(store, 2) is None


def test_an_episode_needs_a_simulation(store: Store) -> None:
    champion = load_champion(store, store.run(1))
    assert champion is not None
    with pytest.raises(ProblemError, match="needs a simulation"):
        record_episode(store.load_problem(2), champion)


def test_an_episode_of_each_scenario_has_the_score_that_was_recorded(store: Store) -> None:
    champion = load_champion(store, store.run(1))
    assert champion is not None
    problem = store.load_problem(1)
    recorded = champion.episodes
    assert len(recorded) == BRIEF["test_scenarios"]
    assert np.mean(recorded) == champion.ensemble.test["score"]

    again = [record_episode(problem, champion, number).score for number in range(len(recorded))]
    assert tuple(again) == recorded
    assert champion_episode(store, 1, 1).score == recorded[1]


def test_a_record_without_episodes_is_read(store: Store) -> None:
    champion = load_champion(store, store.run(1))
    assert champion is not None
    older = replace(champion, episodes=())
    with np.load(io.BytesIO(older.to_bytes())) as archive:
        assert sorted(archive) == ["about", "weights"]
    assert Champion.from_bytes(older.to_bytes()).episodes == ()
    assert Champion.from_bytes(champion.to_bytes()).episodes == champion.episodes
