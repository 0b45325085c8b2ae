"""The card of the best policy on Live, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from streamlit.testing.v1 import AppTest

from shoal.dashboard.components import live_episode_card as card
from shoal.dashboard.session.queries import store as served_store
from shoal.genome.genome import Genome
from shoal.objectives.metrics import Metrics, Scores
from shoal.problems.evaluation import Evaluation, GenerationSummary, Task
from shoal.replay.episodes import Episode
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store

FIRST = Genome(swarm_size=5)
SECOND = Genome(swarm_size=6)
EPISODE = Episode({"x": [1.0, 2.0]}, {"order": [3.0, 4.0]}, score=4.5, steps=2)
AS_PAGE = """
from shoal.analysis.summary import summarise
from shoal.dashboard.components.live_episode_card import live_episode_card
from shoal.dashboard.session.queries import store

run = store().run(1)
live_episode_card(run, summarise(store(), 1).best)
"""


class Pool:
    """Answers as `LiveEpisodes` does."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str, int]] = []
        self.episode: Episode | None = None

    def look(self, run_id: int, genome: str, repeat: int) -> Episode | None:
        self.asked.append((run_id, genome, repeat))
        return self.episode


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    made = Pool()
    monkeypatch.setattr(card, "live_episodes", lambda: made)
    return made


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with a search over a simulation under way, after its first generation."""
    monkeypatch.setenv("SHOAL_STORE", str(tmp_path / "shoal.db"))
    with open_store(tmp_path / "shoal.db") as store:
        settings = SearchSettings.parse({"preset": "simulation", "generations": 3})
        store.add_run(get_simulation("lost-sales"), settings)
        served_store.clear()
        card._best_training.clear()
        yield store

    served_store().close()
    served_store.clear()


def generation(store: Store, claim: Any, number: int, best: Genome, seconds: float) -> None:
    """Record a generation whose best genome did best in its second repeat."""
    evaluations = []
    for repeat, score in enumerate((5.0, 4.0)):
        known = Metrics(others={"score": score})
        scored = Evaluation(
            Task(best, repeat, number),
            "ok",
            Scores(known, known),
            loss=score,
            iterations=3,
            seconds=seconds,
            score=score,
        )
        evaluations.append(scored)

    store.record(claim, evaluations, [GenerationSummary(number, best, 4.5, 2, 5.0, 2)], 1.0)


def shown(app: AppTest) -> str:
    assert not app.exception, app.exception
    return " ".join(str(element.value) for element in app.caption)


def test_the_best_policy_of_each_generation_acts_once(opened: Store, pool: Pool) -> None:
    claim = opened.claim(Owner.here())
    app = AppTest.from_string(AS_PAGE, default_timeout=120)
    assert shown(app.run()) == "", "before the first generation nothing is known to be the best"

    generation(opened, claim, 1, FIRST, seconds=2.0)
    assert "Its training is repeated" in shown(app.run())
    assert pool.asked[-1] == (1, FIRST.hash, 1), "the training that did best: the smallest cost"

    pool.episode = EPISODE
    assert "first scenario of the search: 2 steps, score 4.5 cost per period" in shown(app.run())

    # While the next one is being made, the one before stays.
    pool.episode = None
    generation(opened, claim, 2, SECOND, seconds=2.0)
    text = shown(app.run())
    assert pool.asked[-1] == (1, SECOND.hash, 1)
    assert f"Genome {FIRST.hash[:8]} in" in text
    assert f"genome {SECOND.hash[:8]}, now the best, is being made" in text


def test_a_long_training_is_repeated_only_when_somebody_asks(opened: Store, pool: Pool) -> None:
    claim = opened.claim(Owner.here())
    generation(opened, claim, 1, FIRST, seconds=90.0)
    app = AppTest.from_string(AS_PAGE, default_timeout=120).run()
    assert "about 1 min 30 s of one core" in shown(app)
    assert pool.asked == []

    app.button[0].click().run()
    assert pool.asked == [(1, FIRST.hash, 1)]


def test_a_run_that_does_not_go_on_has_no_such_card(opened: Store, pool: Pool) -> None:
    claim = opened.claim(Owner.here())
    generation(opened, claim, 1, FIRST, seconds=2.0)
    run = replace(opened.run(1), state="paused")
    card.live_episode_card(run, None)
    assert pool.asked == []
