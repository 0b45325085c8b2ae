"""What others reach is known of bundled simulations with those options only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shoal.analysis.known_scores import reference_scores
from shoal.problems.simulation import describe_simulation
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import RunView, Store


def run_of(store: Store, name: str, **options: Any) -> RunView:
    settings = SearchSettings.parse({"preset": "simulation"})
    run_id, _ = store.add_run(get_simulation(name, **options), settings)
    return store.run(run_id)


def labels(run: RunView) -> list[str]:
    return [known.label for known in reference_scores(run)]


def test_the_best_known_score_comes_first(store: Store) -> None:
    assert labels(run_of(store, "pendulum")) == ["SAC", "PPO"]
    (optimum,) = reference_scores(run_of(store, "lost-sales", penalty=9, periods=60))
    assert (optimum.label, optimum.score) == ("optimum", 6.836)


def test_nothing_is_known_of_another_problem(store: Store) -> None:
    run = run_of(store, "lost-sales", penalty=5)
    assert reference_scores(run) == ()
    # A user's own file may have a simulation of that name, which is not imported.
    own = {**describe_simulation(get_simulation("pendulum")), "sha256": "0" * 64}
    assert reference_scores(replace(run, problem=own)) == ()
    unknown = {**own, "sha256": None, "options": {"of another version": 1}}
    assert reference_scores(replace(run, problem=unknown)) == ()
    assert reference_scores(replace(run, problem=None)) == ()
