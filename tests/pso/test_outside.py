"""Trainings on an objective of one's own: the CPU engine follows the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from shoal.errors import ObjectiveError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.objectives.bound import BoundObjective, RowObjective, Units, WholeObjective
from shoal.objectives.definition import Handed, TableObjective, objective, row_loss
from shoal.objectives.losses import LOSSES, Loss, Objective
from shoal.pso.engines.cpu import CpuEngine
from shoal.pso.engines.reference import ReferenceEngine
from shoal.pso.swarm import TrainingTask
from shoal.update_rules import UPDATE_RULES
from shoal.update_rules.informants import INFORMANT_STRATEGIES

KEY = (0x1234, 0x5678)
# More than a block of the kernels, and no multiple of their vectors.
ROWS = 301
CLASSES = 3
RULES = list(product(UPDATE_RULES, INFORMANT_STRATEGIES))


@objective("minimize", outputs="unscaled")
def mean_square(outputs: Any, y: Any) -> Any:
    return ((outputs - y) ** 2).mean(axis=1)


@objective("maximize", outputs="decision")
def hits(outputs: Any, y: Any) -> Any:
    return (outputs == y).mean(axis=1)


@row_loss(nonnegative=True)
def square(output: float, target: float) -> float:
    return (output - target) ** 2


@row_loss(nonnegative=True)
def lopsided(output: float, target: float, late: float = 3.0) -> float:
    error = output - target
    if error > 0:
        return error
    return -late * error


@row_loss()
def signed(output: float, target: float) -> float:
    return -output * target


@row_loss(nonnegative=True)
def margin(outputs: Any, target: int) -> float:
    worst = 0.0
    for c in range(len(outputs)):
        if c != target:
            worst = max(worst, 1.0 + outputs[c] - outputs[target])
    return worst


def table(classes: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Inputs (rows, 4), and targets in a unit of their own or numbers of classes."""
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, 4)).astype(np.float32)
    wave = np.sin(x.sum(axis=1)).astype(np.float64)
    if classes == 1:
        return x, 20.0 + 5.0 * wave
    return x, np.digitize(wave, [-0.5, 0.5]).astype(np.int64)


UNITS = Units("regression", 5.0, 20.0)


def bound_rows(own: Any, weights: NDArray[np.float64] | None = None, **changes: Any) -> Any:
    units = UNITS
    _, targets = table()
    if own is margin:
        units = Units("classification")
        _, targets = table(CLASSES)

    made = RowObjective(
        own.name, own.function, own.nonnegative, units, targets, weights, own.options
    )
    return replace(made, **changes)


def make_task(
    bound: BoundObjective | Objective, iterations: int = 15, **genes: Any
) -> TrainingTask:
    """A training on the table that the objective is bound to."""
    units = getattr(bound, "units", UNITS)
    classes = CLASSES if units.task == "classification" else 1
    x, y = table(classes)
    if classes == 1:
        y = (y - 20.0) / 5.0

    values = {"swarm_size": 9, "weight_scale": 0.7, "bias_scale": 0.3, **genes}
    genome = Genome(**values, hidden_layers=(5,))
    network = Network((4, 5, classes), genome.activation)
    return TrainingTask(genome, network, bound, x, y.astype(np.float32), KEY, iterations)


def whole(own: TableObjective) -> WholeObjective:
    if own is hits:
        return WholeObjective(own, Units("classification"), table(CLASSES)[1])
    return WholeObjective(own, UNITS, table()[1])


BOUND: dict[str, Callable[[], BoundObjective]] = {
    "whole, amounts": lambda: whole(mean_square),
    "whole, classes": lambda: whole(hits),
    "row, amounts": lambda: bound_rows(lopsided),
    "row, negative": lambda: bound_rows(signed),
    "row, classes": lambda: bound_rows(margin),
    "row, weights": lambda: bound_rows(square, np.linspace(0.0, 2.0, ROWS)),
}


@pytest.mark.parametrize("name", BOUND)
@pytest.mark.parametrize(("rule", "strategy"), RULES)
def test_it_follows_the_reference(name: str, rule: str, strategy: str) -> None:
    genes = {"update_rule": rule, "informant_strategy": strategy, "weight_decay": 1e-3}
    task = make_task(BOUND[name](), iterations=6, **genes)

    (expected,) = ReferenceEngine().train([task])
    (found,) = CpuEngine().train([task])

    np.testing.assert_allclose(found.history, expected.history, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", BOUND)
def test_neither_threads_nor_abandoned_rows_nor_chunks_change_a_bit(name: str) -> None:
    task = make_task(BOUND[name](), weight_decay=1e-3)
    (expected,) = CpuEngine(abandon=False).train([task])

    for engine in (CpuEngine(), CpuEngine(threads=4), CpuEngine(threads=2, abandon=False)):
        (found,) = engine.train([task])
        np.testing.assert_array_equal(found.weights, expected.weights)
        np.testing.assert_array_equal(found.history, expected.history)

    # A clock that never moves makes chunks as long as they may be, one that runs makes them short.
    ticks = iter(range(10_000))
    (found,) = CpuEngine().train([task], clock=lambda: float(next(ticks)))
    np.testing.assert_array_equal(found.weights, expected.weights)


@settings(max_examples=30)
@given(
    rows=st.integers(1, 150),
    outputs=st.integers(1, 4),
    seed=st.integers(0, 1000),
    size=st.sampled_from([1.0, 1e30, 3e38]),
)
def test_functions_are_handed_what_units_say_to_the_bit(
    rows: int, outputs: int, seed: int, size: float
) -> None:
    random = np.random.default_rng(seed)
    # Large inputs make answers that are infinite or no numbers.
    x = (size * random.uniform(-1.0, 1.0, (rows, 4))).astype(np.float32)
    scale, offset = random.normal(size=(2, outputs))
    classes = Units("classification")
    asked: list[tuple[Units, Handed]] = [(classes, "raw")]
    asked += [(Units("regression", scale, offset), "score"), (Units("regression"), "raw")]
    if outputs > 1:
        asked += [(classes, "score"), (classes, "decision"), (classes, "probability")]

    answers: NDArray[Any] = np.empty(0)
    for units, kind in asked:
        seen = first_handed(units, kind, x, outputs)
        if answers.size == 0:
            answers = seen
        with np.errstate(all="ignore"):
            expected = units.handed(kind, answers)

        assert seen.dtype == expected.dtype
        np.testing.assert_array_equal(seen.tobytes(), expected.tobytes())
        assert seen.shape == expected.shape


def first_handed(units: Units, kind: Handed, x: NDArray[np.float32], outputs: int) -> NDArray[Any]:
    """What an objective is handed of a swarm's first positions."""
    seen: list[NDArray[Any]] = []

    def keep(handed: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        assert handed.flags.c_contiguous
        seen.append(handed.copy())
        return np.zeros(len(handed))

    y = np.zeros(len(x), np.float32)
    bound = WholeObjective(objective("minimize", outputs=kind)(keep), units, y)
    genome = Genome(swarm_size=5, hidden_layers=(3,), weight_scale=2.0)
    network = Network((4, 3, outputs), genome.activation)
    CpuEngine().train([TrainingTask(genome, network, bound, x, y, KEY, 1)])
    return seen[0]


def test_rows_are_left_out_only_where_no_loss_is_negative() -> None:
    (abandoned,) = CpuEngine().train([make_task(bound_rows(square), 40)])
    (complete,) = CpuEngine().train([make_task(bound_rows(signed), 40)])

    assert abandoned.rows_skipped > 0
    assert complete.rows_skipped == 0


def test_an_own_squared_error_is_the_engines() -> None:
    raw = bound_rows(square, units=Units("regression"), targets=(table()[1] - 20.0) / 5.0)
    (own,) = CpuEngine().train([make_task(raw, 40)])
    (built_in,) = CpuEngine().train([make_task(Objective(LOSSES["mse"]), 40)])

    np.testing.assert_allclose(own.history, built_in.history, rtol=1e-3)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_losses_of_single_rows_are_those_of_the_engines(loss: Loss) -> None:
    random = np.random.default_rng(2)
    classes = CLASSES if loss.task == "classification" else 1
    outputs = random.normal(scale=2.0, size=(4, ROWS, classes)).astype(np.float32)
    y = random.normal(size=ROWS).astype(np.float32)
    if classes > 1:
        y = random.integers(0, CLASSES, ROWS).astype(np.float32)

    targets = y.astype(np.float64)
    if classes > 1:
        targets = y.astype(np.int64)
    units = Units(loss.task)
    own = RowObjective(loss.name, loss.row, True, units, targets, None, {})
    rows = own._row_losses(outputs)
    compiled = njit(loss.row)

    np.testing.assert_allclose(rows, loss.per_row(outputs, y), rtol=1e-5, atol=1e-6)
    for row in range(0, ROWS, 50):
        output = outputs[0, row].astype(np.float64)
        if classes == 1:
            output = output[0]
        assert compiled(output, targets[row]) == pytest.approx(rows[0, row], rel=1e-12)


def test_a_row_that_weighs_two_counts_as_two_rows() -> None:
    weights = np.ones(ROWS)
    weights[:7] = 2.0
    heavy = make_task(bound_rows(square, weights))

    twice = np.concatenate([np.arange(ROWS), np.arange(7)])
    bound = bound_rows(square, targets=table()[1][twice])
    doubled = replace(make_task(bound_rows(square)), x=heavy.x[twice], y=heavy.y[twice])
    doubled = replace(doubled, objective=bound)

    (one,) = CpuEngine().train([heavy])
    (other,) = CpuEngine().train([doubled])
    np.testing.assert_allclose(one.history, other.history, rtol=1e-6)


def test_a_row_without_weight_does_not_count() -> None:
    weights = np.ones(ROWS)
    weights[100:] = 0.0
    targets = table()[1].copy()
    (one,) = CpuEngine().train([make_task(bound_rows(square, weights))])
    targets[100:] = -1e6
    (other,) = CpuEngine().train([make_task(bound_rows(square, weights, targets=targets))])

    np.testing.assert_array_equal(one.history, other.history)


def test_several_targets_are_averaged() -> None:
    x, y = table()
    both = np.stack([y, -2.0 * y], axis=1)
    scale, offset = np.array([5.0, 10.0]), np.array([20.0, -40.0])
    bound = bound_rows(square, targets=both, units=Units("regression", scale, offset))
    genome = Genome(swarm_size=9, hidden_layers=(5,))
    scaled = ((both - offset) / scale).astype(np.float32)
    network = Network((4, 5, 2), genome.activation)
    task = TrainingTask(genome, network, bound, x, scaled, KEY, 6)

    (expected,) = ReferenceEngine().train([task])
    (found,) = CpuEngine().train([task])
    np.testing.assert_allclose(found.history, expected.history, rtol=2e-4)


def test_what_is_decoded_is_what_is_evaluated_and_kept() -> None:
    task = replace(make_task(bound_rows(square)), decode=np.sign)

    (expected,) = ReferenceEngine().train([task])
    (found,) = CpuEngine().train([task])

    assert set(np.unique(found.weights)) <= {-1.0, 0.0, 1.0}
    np.testing.assert_allclose(found.history, expected.history, rtol=2e-4)


def test_patience_ends_both_engines_in_the_same_iteration() -> None:
    task = replace(make_task(whole(hits), 200), patience=5)

    (expected,) = ReferenceEngine().train([task])
    (found,) = CpuEngine().train([task])

    assert found.iterations == expected.iterations < 200


def test_compiled_objectives_are_called_like_others() -> None:
    @njit
    def by_numba(outputs: Any, y: Any) -> Any:
        values = np.empty(len(outputs))
        for p in range(len(outputs)):
            total = 0.0
            for row in range(len(y)):
                total += (outputs[p, row] - y[row]) ** 2
            values[p] = total / len(y)
        return values

    compiled = objective("minimize", outputs="unscaled")(by_numba)
    (one,) = CpuEngine().train([make_task(whole(compiled))])
    (other,) = CpuEngine().train([make_task(whole(mean_square))])
    np.testing.assert_allclose(one.history, other.history, rtol=1e-4)


@row_loss()
def wrong(output: float, target: float) -> Any:
    return "text" + str(output)


@row_loss()
def raising(output: float, target: float) -> float:
    if target > 0:
        raise ValueError("so it goes")
    return output


@objective("minimize")
def misshapen(outputs: Any, y: Any) -> Any:
    return (outputs - y) ** 2


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (lambda: bound_rows(wrong), "does not compile"),
        (lambda: bound_rows(raising), "raised ValueError: so it goes"),
        (lambda: whole(misshapen), r"returned values of shape \(9, 301\)"),
    ],
)
def test_a_function_that_does_not_work_is_named(bound: Any, words: str) -> None:
    with pytest.raises(ObjectiveError, match=words) as raised:
        CpuEngine().train([make_task(bound())])
    assert raised.value.expected
