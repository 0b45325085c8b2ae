"""The schedule: rungs, lengths and finals as numbers; the phases that repeats belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shoal.genome.genome import Genome
from shoal.problems.evaluation import Task
from shoal.settings.phase import Phase, is_confirmation, number_in_phase, phase_of
from shoal.settings.schedule import FinalRung, Schedule
from shoal.settings.search_settings import SearchSettings


def schedule(**values: Any) -> Schedule:
    return SearchSettings.parse({"racing": "halving", **values}).schedule


@pytest.mark.parametrize(
    ("repeats", "most", "rungs"),
    [(2, 8, (2, 4, 8)), (3, 21, (3, 6, 12, 21)), (4, 4, (4,)), (1, 5, (1, 2, 4, 5))],
)
def test_each_rung_has_twice_the_repeats_of_the_rung_before(
    repeats: int, most: int, rungs: tuple[int, ...]
) -> None:
    assert schedule(repeats=repeats, max_repeats=most).rungs == rungs


def test_a_score_is_the_mean_over_the_last_complete_rung() -> None:
    halving = schedule(repeats=2, max_repeats=8)
    expected = {
        0: range(0),
        1: range(1),
        2: range(2),
        3: range(2),
        4: range(2, 4),
        7: range(2, 4),
        8: range(4, 8),
    }
    assert {completed: halving.scored_repeats(completed) for completed in expected} == expected

    equal_lengths = schedule(repeats=2, max_repeats=8, growth=1)
    assert equal_lengths.scored_repeats(7) == range(7)


def test_trainings_grow_from_rung_to_rung_up_to_the_full_length() -> None:
    halving = schedule(repeats=2, max_repeats=8, iterations=1200, growth=2, final_factor=8)
    lengths = [halving.iterations_for(repeat) for repeat in range(8)]
    assert lengths == [300, 300, 600, 600, 1200, 1200, 1200, 1200]
    assert halving.iterations_for(Phase.CONFIRMATION.first_repeat) == 9600
    # A run that is continued with a smaller max_repeats has repeats beyond its last rung.
    assert halving.iterations_for(50) == 1200
    assert schedule(iterations=3, growth=16).iterations_for(0) == 1


@pytest.mark.parametrize(
    ("racing", "expected"), [("fixed", [0, 0, 0]), ("t-race", [1, 4, 8]), ("halving", [0, 2, 3])]
)
def test_how_far_a_genome_has_come_depends_on_the_race(racing: str, expected: list[int]) -> None:
    race = schedule(racing=racing, repeats=2, max_repeats=8)
    assert [race.rung(completed) for completed in (1, 4, 8)] == expected


def test_the_final_race_halves_its_finalists_down_to_two() -> None:
    finals = schedule(confirmations=7)
    assert finals.final_race(10) == (
        FinalRung(repeats=1, racing=10, trainings=10, remaining=5),
        FinalRung(repeats=3, racing=5, trainings=20, remaining=3),
        FinalRung(repeats=6, racing=3, trainings=29, remaining=2),
        FinalRung(repeats=7, racing=2, trainings=31, remaining=2),
    )
    assert [finals.promoted_finalists(standing) for standing in (0, 1, 2, 3, 5)] == [0, 1, 2, 2, 3]


@pytest.mark.parametrize("confirmations", [2, 3, 4, 6, 11])
def test_the_rungs_of_the_finals_end_with_all_confirmations(confirmations: int) -> None:
    rungs = schedule(confirmations=confirmations).final_rungs
    assert rungs == tuple(sorted(set(rungs)))
    assert rungs[0] == 1 and rungs[-1] == confirmations


def test_a_repeat_says_which_phase_it_belongs_to() -> None:
    last = Task(Genome(), 9_999)
    first = Task(Genome(), 10_000)
    assert (last.phase, last.number_in_phase) == (Phase.SEARCH, 9_999)
    assert (first.phase, first.number_in_phase) == (Phase.CONFIRMATION, 0)
    for phase in Phase:
        assert phase_of(phase.first_repeat) is phase
        assert number_in_phase(phase.first_repeat) == 0
    assert is_confirmation(np.array([0, 9_999, 10_000])).tolist() == [False, False, True]
