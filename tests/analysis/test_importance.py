"""Which genes matter: found where they do, and only there; nothing is said of too little."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shoal.analysis.comparable_scores import floored_scores, with_comparable_scores
from shoal.analysis.gene_features import gene_features
from shoal.analysis.importance import LEAST, MOST, Importances, Model, importances
from shoal.analysis.score_surface import surface
from shoal.errors import AnalysisError
from shoal.genome.genome import Genome
from shoal.objectives.registry import ACCURACY, Metric
from shoal.settings.search_settings import SearchSettings
from support.landscape import jumps, table


def loss_of(found: Importances, name: str) -> tuple[float, float, float]:
    estimate = next(gene.loss for gene in found.genes if gene.name == name)
    return estimate.low, estimate.mean, estimate.high


def test_the_gene_that_matters_is_found_with_an_interval_that_holds_its_true_worth() -> None:
    found = importances(table(600), ACCURACY)
    assert found.genes[0].name == "jump_size" and found.genes[0].clear

    # Shuffled, a uniform of width 17.2 misses itself by a third of that on average. Known, the
    # noise alone is left.
    truth = 4.0 * np.log10(2.0 / 1e-4) / 3.0 - np.sqrt(2.0 / np.pi)
    low, mean, high = loss_of(found, "jump_size")
    assert low < truth < high and abs(mean - truth) < 0.8
    assert found.r2.low > 0.85
    assert found.genomes == found.learned == 600 and found.failed == 0


def test_genes_that_do_not_matter_have_intervals_around_nothing() -> None:
    clear = total = 0
    for seed in range(4):
        for gene in importances(table(150, seed=seed), ACCURACY).genes:
            if gene.name != "jump_size":
                total, clear = total + 1, clear + gene.clear
                assert abs(gene.loss.mean) < 0.25
    assert total >= 60 and clear <= 0.05 * total


def test_noise_explains_nothing_and_says_so() -> None:
    found = importances(table(200, lambda genome: 70.0), ACCURACY)
    assert found.r2.mean < 0.2
    assert "do not trust the bars" in found.trust
    assert "do not trust" not in importances(table(200), ACCURACY).trust


@pytest.mark.parametrize(("count", "seed"), [(30, 0), (30, 2), (40, 2)])
def test_too_few_genomes_say_how_many_would_be_enough(count: int, seed: int) -> None:
    few = importances(table(count, noise=4.0, seed=seed), ACCURACY)
    assert not few.means_something
    assert few.enough is not None and count < few.enough <= 20 * count
    # Another run of that many genomes does say which gene matters.
    enough = importances(table(few.enough, noise=4.0, seed=9), ACCURACY)
    assert enough.means_something and enough.enough is None
    assert enough.genes[0].name == "jump_size"


def test_of_noise_no_number_is_said_to_be_enough() -> None:
    for seed in range(3):
        found = importances(table(80, lambda genome: 70.0, seed=seed), ACCURACY)
        assert not found.means_something and found.enough is None


def test_a_choice_is_one_gene_and_a_width_one_of_its_own() -> None:
    def landscape(genome: Genome) -> float:
        wide = np.log(genome.hidden_layers[0])
        return 60.0 + 8.0 * (genome.activation == "tanh") + 3.0 * float(wide)

    found = importances(table(500, landscape), ACCURACY)
    assert {gene.name for gene in found.genes[:2]} == {"activation", "width_1"}
    assert len({gene.name for gene in found.genes}) == len(found.genes)
    assert not next(gene for gene in found.genes if gene.name == "depth").clear
    assert not next(gene for gene in found.genes if gene.name == "width_2").clear


def test_depth_matters_without_the_widths_of_layers_that_are_not_there() -> None:
    found = importances(table(500, lambda genome: 60.0 + 6.0 * len(genome.hidden_layers)), ACCURACY)
    assert found.genes[0].name == "depth"
    assert (
        max(abs(loss_of(found, name)[1]) for name in ("width_2", "width_3"))
        < 0.02 * loss_of(found, "depth")[1]
    )


def test_the_same_seed_gives_the_same_numbers() -> None:
    frame = table(60)
    assert importances(frame, ACCURACY) == importances(frame, ACCURACY)
    assert importances(frame, ACCURACY) != importances(frame, ACCURACY, seed=1)


def test_failures_and_awful_scores_count_as_the_floor() -> None:
    frame = table(300)
    clean = importances(frame, ACCURACY)
    frame.iloc[::10, frame.columns.get_loc("score")] = -1e6
    frame.iloc[5::50, frame.columns.get_loc("score")] = np.nan
    found = importances(frame, ACCURACY)

    assert (found.failed, found.worse) == (6, 30)
    assert found.floor > 0.0
    assert found.genes[0].name == "jump_size"
    assert abs(loss_of(found, "jump_size")[1] - loss_of(clean, "jump_size")[1]) < 3.0
    assert (clean.failed, clean.worse) == (0, 0)


def test_the_floor_is_the_worst_where_nothing_is_awful() -> None:
    told = floored_scores(pd.Series([80.0, 81.0, 82.0, 79.5, np.nan]), ACCURACY)
    assert told.floor == 79.5 and told.failed == 1 and told.worse == 0
    assert told.values.tolist() == [80.0, 81.0, 82.0, 79.5, 79.5]
    assert floored_scores(pd.Series([90.0, 90.0, 90.0, -50.0]), ACCURACY).floor < 90.0, (
        "alike at the top, the floor lies below them"
    )


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (table(LEAST - 1), "too few"),
        (table(40).assign(score=np.nan), "None of 40"),
        (table(40, lambda genome: 70.0, noise=0.0), "are the same"),
        (pd.concat([table(1)] * 40).assign(score=np.arange(40.0)), "are the same"),
        (table(40).assign(score=[1.0] + 39 * [2.0]), "equally good"),
    ],
)
def test_too_little_is_refused(frame: pd.DataFrame, problem: str) -> None:
    with pytest.raises(AnalysisError, match=problem):
        importances(frame, ACCURACY)


def test_genes_that_do_not_vary_are_named() -> None:
    found = importances(table(40).assign(activation="relu", social_weight=1.5), ACCURACY)
    assert {"Activation", "Social weight", "Initialisation", "Weight decay"} <= set(found.fixed)
    assert not {"activation", "social_weight"} & {gene.name for gene in found.genes}


def test_of_very_many_a_sample_is_taken_and_said() -> None:
    frame = pd.concat([table(250)] * 12, ignore_index=True)
    found = importances(frame, ACCURACY)
    assert found.genomes == 3_000 and found.learned == MOST
    assert found.genes[0].name == "jump_size"


def test_scores_are_over_the_trainings_that_all_have_had() -> None:
    genomes = table(4)
    a, b, c, _ = genomes.index
    rows = [
        (a, 0, 70.0),
        (a, 1, 72.0),
        (a, 2, 90.0),
        (a, 10_000, 95.0),
        (b, 0, 60.0),
        (b, 1, None),
        (c, 0, 80.0),
    ]
    evaluations = pd.DataFrame(rows, columns=["genome", "repeat", "score"])
    settings = SearchSettings(repeats=2, max_repeats=8)
    got = with_comparable_scores(genomes, evaluations, settings)

    assert list(got.index) == [a, b], "the third is under way, the fourth has not begun"
    assert got["score"].tolist()[0] == 71.0 and np.isnan(got["score"].iloc[1])
    assert got["jump_size"].iloc[0] == genomes["jump_size"].iloc[0]


def test_factors_know_who_reads_them() -> None:
    frame = table(80)
    found = {factor.name: factor for factor in gene_features(frame)}
    assert (found["cognitive_weight"].used == (frame["update_rule"] == "informed")).all()
    assert found["inertia_weight"].used.all()
    assert (found["width_3"].used == frame["hidden_layers"].map(len).eq(3)).all()
    assert found["jump_size"].scaled == pytest.approx(np.log10(frame["jump_size"]))
    assert [found["activation"].choices[int(k)] for k in found["activation"].values] == frame[
        "activation"
    ].tolist()
    assert not found["weight_decay"].varies


def test_where_smaller_scores_are_better_the_floor_is_the_largest_that_counts() -> None:
    """It is the floor of the scores with their sign turned."""
    cost = Metric("cost", "Cost", "minimize", "EUR")
    gain = Metric("gain", "Gain", "maximize", "EUR")
    gains = pd.Series([4.0, 5.0, 5.5, 6.0, -900.0, np.nan])
    of_gains = floored_scores(gains, gain)
    of_costs = floored_scores(-gains, cost)

    assert of_costs.floor == -of_gains.floor
    assert np.array_equal(of_costs.values, -of_gains.values)
    assert of_costs.values.max() == of_costs.floor
    assert (of_costs.failed, of_costs.worse) == (1, 1)


def test_a_weight_decay_of_nothing_has_a_place_below_the_others() -> None:
    frame = table(3).assign(weight_decay=[0.0, 1e-5, 1e-3])
    decay = next(factor for factor in gene_features(frame) if factor.name == "weight_decay")
    assert decay.scaled == pytest.approx([-5.5, -5.0, -3.0])


def test_the_surface_follows_the_landscape_where_there_are_genomes() -> None:
    frame = table(400)
    frame = frame[(frame["inertia_weight"] < 0.8) | (frame["jump_size"] < 0.01)]
    made = surface(Model.of(frame, ACCURACY), "jump_size", "inertia_weight")
    assert made is not None
    known = np.isfinite(made.z)

    assert 0.3 < known.mean() < 0.95 and not known[-1, -1], (
        "nothing is drawn where there is no genome"
    )

    column = np.nanmean(made.z, axis=0)
    assert column[-1] - column[0] > 10.0
    assert np.corrcoef(made.x, column)[0, 1] > 0.95
    assert surface(Model.of(frame, ACCURACY), "jump_size", "activation") is None
    assert surface(Model.of(frame, ACCURACY), "jump_size", "weight_decay") is None


def test_the_landscape_is_what_the_tests_say() -> None:
    assert jumps(Genome(jump_size=0.1)) == pytest.approx(72.0)
