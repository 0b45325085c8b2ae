"""Built-in objectives against scikit-learn and against formulas that try everything."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from shoal.errors import ObjectiveError
from shoal.numerics.philox import Purpose, normals
from shoal.objectives.built_in import ROW_LOSSES, TABLE_OBJECTIVES
from shoal.objectives.definition import TableObjective
from shoal.objectives.metrics import classification_metrics

SEEDS = st.integers(0, 2**32 - 1)
ROWS = st.integers(2, 30)

f1 = TABLE_OBJECTIVES["f1"]
balanced_accuracy = TABLE_OBJECTIVES["balanced_accuracy"]
cost_matrix = TABLE_OBJECTIVES["cost_matrix"]
top_share = TABLE_OBJECTIVES["top_share"]
value_per_row = TABLE_OBJECTIVES["value_per_row"]
concordance = TABLE_OBJECTIVES["concordance"]
uncensored_concordance = TABLE_OBJECTIVES["uncensored_concordance"]
tolerance = TABLE_OBJECTIVES["tolerance"]
interval = TABLE_OBJECTIVES["interval"]
pinball = ROW_LOSSES["pinball"]


class Table:
    """Random rows, and what three networks say of them. Many values are equal."""

    def __init__(self, seed: int, rows: int, classes: int = 2) -> None:
        random = np.random.default_rng(seed)
        self.rows = rows
        self.classes = random.integers(0, classes, rows)
        # The first two rows can be compared.
        self.times = random.integers(1, 6, rows).astype(float)
        self.times[:2] = 0.0, 6.0
        self.events = random.integers(0, 2, rows).astype(float)
        self.events[0] = 1.0
        self.amounts = random.normal(10.0, 5.0, rows)
        self.decisions = random.integers(0, classes, (3, rows))
        self.scores = random.integers(-4, 5, (3, rows)).astype(np.float32) / np.float32(4.0)

    def asked(self, objective: TableObjective) -> tuple[np.ndarray, np.ndarray, tuple]:
        """What this objective is handed: outputs, target and columns."""
        columns = {"event": self.events, "amount": self.amounts}
        named = tuple(columns[name] for name in objective.columns)
        if objective.task == "regression":
            return self.scores, self.times, named
        if objective.outputs == "decision":
            return self.decisions, self.classes, named
        return self.scores, self.classes, named


EACH = pytest.mark.parametrize("objective", TABLE_OBJECTIVES.values(), ids=lambda own: own.name)


# ---- Laws of all -----------------------------------------------------------------------------


@EACH
@settings(deadline=None, max_examples=40)
@given(SEEDS, ROWS)
def test_a_network_has_the_same_value_alone(objective, seed, rows) -> None:
    outputs, y, columns = Table(seed, rows).asked(objective)

    together = objective.values(outputs, y, columns)

    for p in range(len(outputs)):
        alone = objective.values(outputs[p : p + 1], y, columns)
        assert alone.tolist() == together[p : p + 1].tolist()


@EACH
@settings(deadline=None, max_examples=40)
@given(SEEDS, ROWS)
def test_the_order_of_rows_does_not_matter(objective, seed, rows) -> None:
    outputs, y, columns = Table(seed, rows).asked(objective)
    order = np.random.default_rng(seed).permutation(rows)

    moved = objective.values(outputs[:, order], y[order], tuple(own[order] for own in columns))

    # Only amounts are summed as they are; all else is counted.
    allowed = 1e-12 if objective is value_per_row else 0.0
    np.testing.assert_allclose(moved, objective.values(outputs, y, columns), rtol=allowed, atol=0)


@EACH
@settings(deadline=None, max_examples=40)
@given(SEEDS, ROWS)
def test_single_and_double_precision_agree(objective, seed, rows) -> None:
    outputs, y, columns = Table(seed, rows).asked(objective)
    if objective.outputs == "decision":
        return

    single = objective.values(outputs, y, columns)

    assert single.tolist() == objective.values(outputs.astype(np.float64), y, columns).tolist()


@EACH
def test_memory_in_another_order_is_the_same(objective) -> None:
    outputs, y, columns = Table(3, 20).asked(objective)
    across = np.asfortranarray(outputs)

    assert (
        objective.values(across, y, columns).tolist()
        == objective.values(outputs, y, columns).tolist()
    )


@EACH
@settings(deadline=None, max_examples=40)
@given(SEEDS, ROWS)
def test_no_prediction_is_better_than_the_target(objective, seed, rows) -> None:
    table = Table(seed, rows)
    outputs, y, columns = table.asked(objective)
    perfect = np.asarray(y)[None]
    # Whoever is cut off at a time outlives whoever has an event then.
    if objective is concordance:
        perfect = perfect + 0.5 * (table.events == 0.0)
    # A capacity is used up, also where only actions are left that lose.
    if objective is value_per_row:
        objective = objective.with_options(share=0.0, cost=0.0)
        columns = (np.abs(table.amounts),)
        perfect = perfect - 0.5

    best = objective.sign * objective.values(perfect, y, columns)[0]

    assert (best <= objective.sign * objective.values(outputs, y, columns) + 1e-12).all()


@pytest.mark.parametrize("name", ["top_share", "value_per_row", "concordance", "tolerance"])
def test_a_network_whose_outputs_are_no_numbers_has_no_value(name) -> None:
    objective = TABLE_OBJECTIVES[name]
    outputs, y, columns = Table(1, 12).asked(objective)
    outputs[1, 3] = np.nan

    for changed in ({}, {"share": 0.0}):
        if changed and name != "value_per_row":
            continue
        values = objective.with_options(**changed).values(outputs, y, columns)
        assert np.isnan(values).tolist() == [False, True, False]


def test_an_interval_of_what_is_no_number_has_no_width() -> None:
    outputs = np.zeros((2, 5))
    outputs[1, 0] = np.nan

    assert np.isnan(interval.values(outputs, np.ones(5))).tolist() == [False, True]


def test_the_bits_are_those_of_every_machine() -> None:
    rows = 200
    scores = normals((0, 0), Purpose.POSITION, 1, rows)
    times = np.abs(normals((0, 1), Purpose.POSITION, 1, rows)[0]).astype(np.float64)
    amounts = np.abs(normals((0, 2), Purpose.POSITION, 1, rows)[0]).astype(np.float64)
    classes = (times > 0.7).astype(np.int64)

    found = {
        "value": value_per_row.values(scores, classes, (amounts,)),
        "concordance": concordance.values(scores, times, (classes,)),
        "interval": interval.values(scores, times),
        "f1": f1.values((scores > 0).astype(np.int64), classes),
    }

    assert {name: float(value[0]).hex() for name, value in found.items()} == {
        "value": "-0x1.3694a62851eb8p-2",
        "concordance": "0x1.15a996eb4b84fp-1",
        "interval": "0x1.1f19bd0000000p+2",
        "f1": "0x1.d9765d9765d97p-2",
    }


# ---- Decisions -------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(SEEDS, ROWS)
def test_f1_is_scikit_learn_s(seed, rows) -> None:
    table = Table(seed, rows)

    for decided, value in zip(
        table.decisions, f1.values(table.decisions, table.classes), strict=True
    ):
        assert value == theirs.f1_score(table.classes, decided, zero_division=0.0)


def test_f1_of_nothing_is_zero() -> None:
    assert f1.values(np.zeros((1, 4), np.int64), np.zeros(4)).tolist() == [0.0]


@settings(deadline=None, max_examples=60)
@given(SEEDS, ROWS, st.integers(2, 5))
def test_balanced_accuracy_is_the_metric_to_the_bit(seed, rows, classes) -> None:
    table = Table(seed, rows, classes)
    values = balanced_accuracy.values(table.decisions, table.classes.astype(np.float64))

    for decided, value in zip(table.decisions, values, strict=True):
        metrics = classification_metrics(np.eye(classes)[decided], table.classes)
        assert value == metrics.balanced_accuracy


@settings(deadline=None, max_examples=60)
@given(SEEDS, ROWS)
def test_costs_are_those_of_the_matrix(seed, rows) -> None:
    table = Table(seed, rows, classes=3)
    costs = [[0.0, 1.0, 5.5], [2.0, -1.0, 2.0], [9.0, 3.0, 0.25]]
    text = ";".join(" ".join(map(str, row)) for row in costs)

    values = cost_matrix.with_options(matrix=text).values(table.decisions, table.classes)

    for decided, value in zip(table.decisions, values, strict=True):
        paid = [costs[c][d] for c, d in zip(table.classes, decided, strict=True)]
        assert value == pytest.approx(math.fsum(paid) / rows, rel=1e-12, abs=1e-12)


def test_two_classes_have_two_costs() -> None:
    truth = np.array([0, 0, 1, 1])
    decided = np.array([[1, 1, 1, 1], [0, 0, 0, 1]])
    priced = cost_matrix.with_options(false_positive=3.0, false_negative=10.0)

    assert priced.values(decided, truth).tolist() == [1.5, 2.5]


@pytest.mark.parametrize("matrix", ["0 1", "0 1; 2", "0 one; 1 0", "0 inf; 1 0", "1"])
def test_a_matrix_is_square(matrix) -> None:
    with pytest.raises(ObjectiveError, match="as many numbers in each row") as caught:
        cost_matrix.with_options(matrix=matrix).values(np.zeros((1, 2), int), np.zeros(2))

    assert repr(matrix) in caught.value.problem


def test_more_classes_than_costs_are_refused() -> None:
    with pytest.raises(ObjectiveError, match=r"The target has 3 classes\. Expected: 2"):
        cost_matrix.values(np.zeros((1, 3), int), np.arange(3))


def test_rows_without_a_class_are_refused() -> None:
    with pytest.raises(ObjectiveError, match="rows without a class"):
        f1.values(np.array([[-1, 0]]), np.array([0, 1]))


# ---- Scores ----------------------------------------------------------------------------------


def mean_over_orders(scores, worth, count: int) -> float:
    """The mean worth of the first rows, over all orders in which no row follows a smaller one."""
    sums = []
    for order in itertools.permutations(range(len(scores))):
        falling = all(
            scores[before] >= scores[after] for before, after in itertools.pairwise(order)
        )
        if falling:
            sums.append(math.fsum(worth[row] for row in order[:count]))
    return math.fsum(sums) / len(sums)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(2, 6), st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_tied_rows_count_as_in_the_mean_of_all_orders(seed, rows, share) -> None:
    table = Table(seed, rows)
    count = max(1, math.floor(share * rows + 0.5))

    hits = top_share.with_options(share=share).values(table.scores, table.classes)
    priced = value_per_row.with_options(share=share, gain=0.5, loss=0.25, cost=3.0)
    money = priced.values(table.scores, table.classes, (table.amounts,))

    worth = np.where(table.classes == 1, 0.5 * table.amounts, -0.25 * table.amounts) - 3.0
    for p, scores in enumerate(table.scores):
        expected = mean_over_orders(scores, table.classes, count) / count
        assert hits[p] == pytest.approx(expected, rel=1e-12)
        expected = mean_over_orders(scores, worth, count) / rows
        assert money[p] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["top_share", "value_per_row", "concordance"])
@settings(deadline=None, max_examples=40)
@given(SEEDS, ROWS)
def test_only_the_order_of_scores_counts(name, seed, rows) -> None:
    objective = TABLE_OBJECTIVES[name]
    outputs, y, columns = Table(seed, rows).asked(objective)
    ranks = np.array([np.unique(own, return_inverse=True)[1] for own in outputs])

    by_rank = objective.values(ranks.astype(np.float32), y, columns)

    assert by_rank.tolist() == objective.values(outputs, y, columns).tolist()


def test_a_share_is_rounded_and_at_least_one_row() -> None:
    scores = np.arange(30.0)[None]
    y = np.zeros(30)
    y[-3:] = 1

    assert top_share.with_options(share=0.1).values(scores, y).tolist() == [1.0]
    assert top_share.with_options(share=0.2).values(scores, y).tolist() == [0.5]
    assert top_share.with_options(share=0.001).values(scores, y).tolist() == [1.0]


def test_without_a_capacity_the_network_decides_on_whom_to_act() -> None:
    priced = value_per_row.with_options(share=0.0, cost=1.0, loss=1.0)
    scores = np.array([[2.0, -1.0, 3.0, 0.0]])

    values = priced.values(scores, np.array([1, 1, 0, 1]), (np.array([9.0, 9.0, 4.0, 9.0]),))

    assert values.tolist() == [((9.0 - 1.0) + (-4.0 - 1.0)) / 4]


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_no_capacity_is_larger_than_the_table(share) -> None:
    with pytest.raises(ObjectiveError, match="more than 0, and at most 1"):
        top_share.with_options(share=share).values(np.zeros((1, 4)), np.zeros(4))


# ---- Times -----------------------------------------------------------------------------------


def harrell(predicted, times, events) -> float:
    """Each pair of rows, in the order of their times."""
    right = 0.0
    pairs = 0
    for one, other in itertools.permutations(range(len(times)), 2):
        later = times[other] > times[one]
        survives = times[other] == times[one] and not events[other]
        if not (events[one] and (later or survives)):
            continue
        pairs += 1
        right += predicted[one] < predicted[other]
        right += 0.5 * (predicted[one] == predicted[other])

    return right / pairs


@settings(deadline=None, max_examples=80)
@given(SEEDS, ROWS)
def test_concordance_is_that_of_all_pairs(seed, rows) -> None:
    table = Table(seed, rows)

    values = concordance.values(table.scores, table.times, (table.events,))
    uncensored = uncensored_concordance.values(table.scores, table.times)

    for p, predicted in enumerate(table.scores):
        assert values[p] == harrell(predicted, table.times, table.events)
        assert uncensored[p] == harrell(predicted, table.times, np.ones(rows))


@settings(deadline=None, max_examples=30)
@given(SEEDS, ROWS)
def test_concordance_with_two_times_is_the_area_below_the_curve(seed, rows) -> None:
    table = Table(seed, rows)
    classes = table.classes
    classes[:2] = 0, 1

    values = uncensored_concordance.values(table.scores, classes)

    for predicted, value in zip(table.scores, values, strict=True):
        assert value == pytest.approx(theirs.roc_auc_score(classes, predicted), rel=1e-12)


@pytest.mark.parametrize(
    ("times", "events"),
    [([1.0, 2.0], [0.0, 0.0]), ([1.0, 2.0], [0.0, 1.0]), ([1.0, 1.0], [1, 1])],
)
def test_without_pairs_there_is_no_concordance(times, events) -> None:
    with pytest.raises(ObjectiveError, match="No two rows can be compared"):
        concordance.values(np.zeros((1, 2)), np.array(times), (np.array(events),))


# ---- Amounts ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(SEEDS, ROWS, st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_tolerance_counts_what_is_near(seed, rows, within) -> None:
    table = Table(seed, rows)

    values = tolerance.with_options(within=within).values(table.scores, table.times)

    for predicted, value in zip(table.scores, values, strict=True):
        assert value == np.count_nonzero(np.abs(predicted - table.times) <= within) / rows


@settings(deadline=None, max_examples=60)
@given(SEEDS, ROWS, st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_an_interval_is_the_narrowest_that_covers_enough(seed, rows, coverage) -> None:
    table = Table(seed, rows)

    values = interval.with_options(coverage=coverage).values(table.scores, table.times)

    for predicted, value in zip(table.scores, values, strict=True):
        errors = np.abs(predicted.astype(np.float64) - table.times)
        enough = [own for own in errors if (errors <= own).mean() >= coverage - 1e-9]
        assert value == 2.0 * min(enough)


@pytest.mark.parametrize(
    ("objective", "options", "expected"),
    [
        (tolerance, {"within": -1.0}, "0 or more, in the target's unit"),
        (interval, {"coverage": 0.0}, "more than 0, and at most 1"),
        (interval, {"coverage": 1.2}, "more than 0, and at most 1"),
    ],
)
def test_options_have_a_range(objective, options, expected) -> None:
    with pytest.raises(ObjectiveError, match=expected):
        objective.with_options(**options).values(np.zeros((1, 4)), np.zeros(4))


def test_several_targets_are_refused() -> None:
    with pytest.raises(ObjectiveError, match=r"the shape \(1, 4, 2\)\. Expected: \(networks, ro"):
        tolerance.values(np.zeros((1, 4, 2)), np.zeros((4, 2)))


@settings(deadline=None, max_examples=60)
@given(SEEDS, ROWS, st.sampled_from([0.05, 0.5, 0.9]))
def test_pinball_is_scikit_learn_s(seed, rows, quantile) -> None:
    table = Table(seed, rows)
    asked = pinball.with_options(quantile=quantile)
    predicted = table.scores[0].astype(float)

    mean = np.mean([asked(p, t) for p, t in zip(predicted, table.times, strict=True)])

    expected = theirs.mean_pinball_loss(table.times, predicted, alpha=quantile)
    assert mean == pytest.approx(expected, rel=1e-12)


# ---- The registry ----------------------------------------------------------------------------


@EACH
def test_each_is_described(objective) -> None:
    metric = objective.metric
    assert objective.name == metric.name
    assert TABLE_OBJECTIVES[objective.name] is objective
    assert metric.label[0].isupper()
    assert objective.function.__doc__
    for option in objective.options:
        assert option in objective.function.__doc__
