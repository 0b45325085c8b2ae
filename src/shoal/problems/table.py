"""A table of data as a problem: what a genome trains, what that costs, and how good it becomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.data import Dataset, Part, RegressionTarget, RegressionTargets
from shoal.data.part_targets import check_accuracy
from shoal.errors import ObjectiveError, ProblemError, SettingsError
from shoal.genome.genome import Genome
from shoal.nn.network import Network
from shoal.nn.readout import ReadoutTargets, class_codes, solving_effort
from shoal.numerics.philox import Key, derive_key
from shoal.objectives.bound import (
    BoundObjective,
    RowObjective,
    Units,
    WholeObjective,
    check_fits,
    mean_of,
)
from shoal.objectives.decoders import Decoder
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.objectives.loss_of_rows import LearnedRows, loss_of_rows
from shoal.objectives.losses import Objective
from shoal.objectives.metrics import (
    Metrics,
    Scores,
    classification_metrics,
    mean_metrics,
    probabilities,
    regression_metrics,
)
from shoal.objectives.registry import METRICS, Metric, table_metric
from shoal.problems import references
from shoal.problems.base import ChampionScores, Problem, downsample_history
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.own_code import SETTINGS as CODE_SETTINGS
from shoal.problems.own_code import Own, find_named, find_named_decoder, recorded_codes
from shoal.problems.table_stepwise import StepwiseTable
from shoal.problems.warm_start import check_start, start_weights, starting_genome
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import HeldOut, TrainingTask
from shoal.settings.named_code import NamedCode
from shoal.settings.schedule import Schedule
from shoal.settings.search_settings import SearchSettings

# Rows that an objective is tried on.
_FEW_ROWS = 10

# How often a training looks at the rows that validate, at most.
LOOKS = 40
# Networks to start from that are kept, at most.
_MOST_STARTS = 64
# The least error that a network's weight in an ensemble is computed from.
_LEAST_ERROR = 1e-12


@dataclass(frozen=True)
class TableProblem(Problem):
    """A prepared table, and the settings of a run on it.

    Attributes
    ----------
    dataset
        The prepared table, with its parts.
    settings
        The settings of the run.
    given_objective, given_metric, given_decoder
        What is optimised, what is selected on and what positions stand for, where they are objects
        that no settings name: those of a single training. Such a problem cannot be sent to another
        process.

    Raises
    ------
    SettingsError
        When the loss or the metric does not fit the target, or the decoder not the inputs.
    DataError
        When the accuracy is selected on, and undefined on a part.
    DecoderError
        When the decoder does not work.
    ObjectiveError
        When an objective does not fit the target, or needs columns that have no role.
    CodeChangedError
        When the file of an objective is missing, or has another hash than the settings say.
    """

    dataset: Dataset
    settings: SearchSettings
    given_objective: Own | None = None
    given_metric: Own | None = None
    given_decoder: Decoder | None = None
    kind = "table"

    def __post_init__(self) -> None:
        # A loss or metric that does not fit is found before anything starts.
        if self.metric.is_accuracy:
            check_accuracy(self.dataset)
        self.objective_on(self.dataset.train)
        for own in (self.own_objective, self.own_metric):
            self._check_own(own)
        self._check_decoder()
        if self.settings.patience_on == "validation" and not self.dataset.validates:
            raise SettingsError(
                "patience_on='validation' for a table of which no rows validate.",
                expected="a table with a validation part or folds",
                remedy="prepare it with folds, or leave the setting out",
            )
        if self.settings.start_from is not None:
            check_start(self.settings.start_from, self.settings.choices.get("activation", ()))

    def __reduce__(self) -> tuple[type[TableProblem], tuple[Any, ...]]:
        # Another process finds objectives by their settings: code is never sent.
        return TableProblem, (
            self.dataset,
            self.settings,
            self.given_objective,
            self.given_metric,
            self.given_decoder,
        )

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return self.dataset.name

    def for_workers(self) -> TableProblem:
        """See `Problem.for_workers`: without the table that was read, workers need no pandas."""
        return replace(self, dataset=self.dataset.without_table())

    def to_dict(self) -> dict[str, Any] | None:
        """See `Problem.to_dict`: nothing, where the settings say it all in names of `METRICS`."""
        named = {setting: getattr(self.settings, setting) for setting in CODE_SETTINGS}
        if not any(isinstance(own, NamedCode) for own in named.values()):
            return None
        return {
            "kind": self.kind,
            "name": self.dataset.name,
            "metric": self.metric.to_dict(),
            "codes": recorded_codes(named),
            "versions": references.versions(),
        }

    # ---- What is optimised, and what is selected on ----------------------------------------------

    @cached_property
    def own_objective(self) -> Own | None:
        """The objective that takes the place of a loss; None where there is none."""
        if self.given_objective is not None:
            return self.given_objective
        if self.settings.objective is None:
            return None
        return find_named(self.settings.objective)

    @cached_property
    def own_metric(self) -> Own | None:
        """The metric, where it is none of `METRICS`: by default the objective's own."""
        if self.given_metric is not None:
            return self.given_metric
        if isinstance(self.settings.metric, NamedCode):
            return find_named(self.settings.metric)
        if self.settings.metric is not None:
            return None

        own = self.own_objective
        if own is not None and own.name in METRICS:
            return None
        return own

    @cached_property
    def decoder(self) -> Decoder | None:
        """What the positions of swarms stand for; None: they are the networks' weights."""
        if self.given_decoder is not None:
            return self.given_decoder
        if self.settings.decoder is None:
            return None
        return find_named_decoder(self.settings.decoder)

    @cached_property
    def metric(self) -> Metric:
        """See `Problem.metric`."""
        if self.own_metric is not None:
            return self.own_metric.metric

        name = self.settings.metric
        assert not isinstance(name, NamedCode), "such a metric is an own one"
        if name is None and self.own_objective is not None:
            name = self.own_objective.name
        return table_metric(name, self.dataset.task)

    @cached_property
    def units(self) -> Units:
        """How outputs of networks become numbers in the target's unit."""
        target = self.dataset.encoder.target
        if isinstance(target, RegressionTarget):
            return Units(self.dataset.task, target.scale, target.offset)
        if isinstance(target, RegressionTargets):
            return Units(self.dataset.task, np.array(target.scales), np.array(target.offsets))
        return Units(self.dataset.task)

    @cached_property
    def _mean_abs_target(self) -> float | NDArray[np.float64]:
        """Mean of ``|target|`` over the training rows; (targets,) of several targets."""
        part = self.dataset.train
        if part.target.ndim == 1 and part.weight is None:
            return math.fsum(np.abs(part.target)) / len(part.target)
        return np.asarray(np.average(np.abs(part.target), axis=0, weights=part.weight))

    def objective_on(self, part: Part) -> Objective | BoundObjective:
        """What swarms minimise on the rows of a part.

        Raises
        ------
        SettingsError
            If the loss does not fit the target.
        ObjectiveError
            If the objective needs columns that have no role.
        """
        own = self.own_objective
        if isinstance(own, TableObjective):
            columns = own.columns_in(part.columns)
            return WholeObjective(own, self.units, self._targets(part), columns)
        if isinstance(own, RowLoss):
            return self._mean_of(own, part)

        rows = LearnedRows(
            y=self._scaled_targets(part),
            weight=part.weight,
            scale=self.units.scale,
            mean_abs=self._mean_abs_target,
        )
        return loss_of_rows(
            self.settings.loss, self.dataset.task, rows, bound=self.decoder is not None
        )

    def _mean_of(self, own: RowLoss, part: Part) -> RowObjective:
        targets = self._targets(part)
        return mean_of(own, self.units, targets, self._scaled_targets(part), part.weight)

    def _targets(self, part: Part) -> NDArray[Any]:
        """Targets in their own unit, or indices of classes as whole numbers."""
        if self.dataset.task == "classification":
            return part.target.astype(np.int64)
        return part.target

    def _scaled_targets(self, part: Part) -> NDArray[Any]:
        """Targets as networks learn them, or indices of classes as whole numbers."""
        if self.dataset.task == "classification":
            return part.target.astype(np.int64)
        return part.y.astype(np.float64)

    def _check_own(self, own: Own | None) -> None:
        """Refuse an objective or a metric that does not fit the target."""
        if own is None:
            return
        if own.name in METRICS and own is not self.own_objective:
            raise ObjectiveError(
                f"The metric {own.name} has the name of one that Shoal has.",
                expected="another name",
                remedy=f'@shoal.objective(..., name="my_{own.name}")',
            )
        if isinstance(own, TableObjective):
            check_fits(own, self.dataset.task, self.dataset.outputs)
            own.columns_in(self.dataset.train.columns)
            self._check_takes_targets(own)

    def _check_takes_targets(self, own: TableObjective) -> None:
        """Call an objective once where there are several targets: most are for one."""
        if self.dataset.task == "regression" and self.dataset.outputs > 1:
            train = self.dataset.train
            part = train.select(np.arange(len(train.rows)) < _FEW_ROWS)
            self.own_score(own, part.target, part)

    def _check_decoder(self) -> None:
        """Refuse a decoder that needs other inputs, or that does not work."""
        decoder = self.decoder
        if decoder is None:
            return
        for option, needed in decoder.data_options.items():
            value = getattr(self.dataset.options, option)
            if value != needed:
                raise SettingsError(
                    f"decoder={decoder.name!r} for a table with {option}={value!r}.",
                    expected=f"{option}={needed!r}",
                    remedy=f"shoal.load_dataset(..., {option}={needed!r}), or --{option} {needed}",
                )
        decoder.check(self.network(self.default_genome))

    def own_score(self, own: Own, predictions: NDArray[np.float64], part: Part) -> float:
        """The value of an own metric for predictions, in its unit; NaN where it has none.

        Parameters
        ----------
        own
            The metric, or an objective.
        predictions, part
            As for `metrics`.
        """
        if isinstance(own, RowLoss):
            mean = self._mean_of(own, part)
            raw = self.units.handed_of_predictions("raw", predictions)
            if own.outputs == "unscaled":
                mean = replace(mean, units=self.units)
            return float(mean.losses(raw)[0])

        handed = self.units.handed_of_predictions(own.outputs, predictions)
        value = own.values(handed, self._targets(part), own.columns_in(part.columns))
        return float(value[0])

    # ---- What is trained, and for how long -------------------------------------------------------

    @cached_property
    def schedule(self) -> Schedule:
        """See `Problem.schedule`."""
        return self.settings.schedule

    @property
    def default_genome(self) -> Genome:
        """See `Problem.default_genome`: with the only hidden layers that genomes may have."""
        genome = Genome()
        if self.settings.max_depth == 0:
            genome = replace(genome, hidden_layers=())

        if self.settings.start_from is None:
            return genome
        return starting_genome(genome, self.settings.start_from)

    def network(self, genome: Genome) -> Network:
        """The genome's topology between this data's inputs and outputs."""
        layers = (self.dataset.inputs, *genome.hidden_layers, self.dataset.outputs)
        return Network(layers, genome.activation)

    def training(
        self,
        task: Task,
        *,
        refit: bool = False,
        iterations: int | None = None,
        part: Part | None = None,
        validation: Part | None = None,
    ) -> TrainingTask:
        """The training of a task, for an engine.

        Parameters
        ----------
        task
            The genome and the repeat.
        refit
            Whether to train on train + validation.
        iterations
            Replays a training of this recorded length exactly. None: the length follows from the
            settings, and the training may end earlier by time or patience.
        part
            What the repeat trains on, for callers that have it already: cutting folds takes memory.
        validation
            What it validates on, likewise: by these rows it may end.
        """
        if part is None and refit:
            part = self.dataset.fit_part(refit)
        elif part is None:
            part, validation = self.dataset.parts(task.repeat)

        settings = self.settings
        length = self.length_of(task, iterations)
        network = self.network(task.genome)
        key = derive_key(settings.seed, task.repeat)
        decode = None
        if self.decoder is not None:
            decode = self.decoder.bound_to(network)
        patience = length.patience
        held_out = None
        if patience is not None and validation is not None and settings.patience_on != "training":
            held_out = self._held_out(validation, length.iterations, patience)
            patience = None
        return TrainingTask(
            genome=task.genome,
            network=network,
            objective=self.objective_on(part),
            x=part.x,
            y=part.y,
            key=key,
            iterations=length.iterations,
            seconds=length.seconds,
            patience=patience,
            horizon=length.horizon,
            min_improvement=settings.min_improvement,
            decode=decode,
            start=self._start(task.genome, network, part, key),
            targets=self._readout_targets(part) if task.genome.solves_readout else None,
            held_out=held_out,
        )

    def _held_out(self, part: Part, iterations: int, patience: int) -> HeldOut:
        """The rows that validate, by which a training ends."""
        every = max(1, min(patience, iterations // LOOKS))
        return HeldOut(self.objective_on(part), part.x, part.y, every, patience)

    def _readout_targets(self, part: Part) -> ReadoutTargets:
        """What solved output layers are fitted to on the rows of a part."""
        values = part.y
        if self.dataset.task == "classification":
            values = class_codes(part.target, self.dataset.outputs)
        return ReadoutTargets(values.reshape(len(part.rows), -1), part.weight)

    def _start(
        self, genome: Genome, network: Network, part: Part, key: Key
    ) -> NDArray[np.float32] | None:
        """The network (D,) that a swarm starts from; None: it starts at random."""
        start = self.settings.start_from
        if start is None:
            return None

        # Genomes of the same network, and longer trainings of the same genome, share a start.
        place = (network, key, len(part.x))
        if place not in self._starts:
            if len(self._starts) >= _MOST_STARTS:
                self._starts.clear()
            self._starts[place] = start_weights(start, genome, network, part, key)
        return self._starts[place]

    @cached_property
    def _starts(self) -> dict[tuple[Network, Key, int], NDArray[np.float32]]:
        """Networks that swarms started from."""
        return {}

    def effort(self, genome: Genome) -> int:
        """See `Problem.effort`: multiply-adds on one row."""
        size = self.dimensions(genome)
        if genome.solves_readout:
            widths = self.network(genome).layers[-2:]
            size += solving_effort(widths, rows=len(self.dataset.train.x))
        return genome.evaluations_per_iteration * size

    def cost(self, task: Task) -> int:
        """How much work a task's training is, at most.

        A search begins with the longest trainings, so that none of them is left over at the end.

        Returns
        -------
        int
            Multiply-adds over all iterations and all training rows.
        """
        rows = len(self.dataset.train.x)
        return self.effort(task.genome) * rows * self.iterations_for(task)

    def train(
        self, task: Task, engine: Engine, iterations: int | None = None
    ) -> tuple[Evaluation, NDArray[np.float32]]:
        """See `Problem.train`: on the training part, scored on that and the validation part."""
        train_part, validation_part = self.dataset.parts(task.repeat)
        training = self.training(
            task, part=train_part, iterations=iterations, validation=validation_part
        )
        (result,) = engine.train([training])

        train = self.scores_of(engine, task.genome, result.weights, train_part)
        validation = None
        if validation_part is not None:
            validation = self.scores_of(engine, task.genome, result.weights, validation_part)

        scores = None
        score = None
        error = None
        if not np.isfinite(result.loss):
            error = "No particle ever had a finite loss."
        elif train is None or (validation is None and validation_part is not None):
            error = "The predictions are not finite."
        else:
            scores = Scores(train, validation)
            score = scores.selection[self.metric.name]

        evaluation = Evaluation(
            task=task,
            status="ok" if error is None else "failed",
            scores=scores,
            loss=result.loss,
            iterations=result.iterations,
            seconds=result.seconds,
            curve=downsample_history(result.history),
            error=error,
            score=score,
        )
        return evaluation, result.weights

    def stepwise(self, task: Task, engine: Engine, iterations: int) -> StepwiseTable:
        """See `Problem.stepwise`: on the rows of its repeat."""
        return StepwiseTable(engine, self.training(task, iterations=iterations))

    # ---- The champion ----------------------------------------------------------------------------

    @property
    def refits(self) -> bool:
        """See `Problem.refits`: on train + validation, where there is a validation part."""
        return self.dataset.validates

    def refit(
        self, task: Task, engine: Engine, iterations: int, *, refit: bool
    ) -> NDArray[np.float32]:
        """See `Problem.refit`."""
        training = self.training(task, refit=refit, iterations=iterations)
        (result,) = engine.train([training])
        return result.weights

    def shares(self, scores: Sequence[Scores]) -> tuple[float, ...]:
        """See `Problem.shares`, by the setting ``ensemble``.

        "mean": all alike. "weighted": in inverse proportion to the error on the rows that the
        network did not see, which is the log loss or the mean square: of independent errors without
        bias, the inverse variance is the best weight.
        """
        weights = [1.0] * len(scores)
        if self.settings.ensemble == "weighted":
            errors = [_error(own.selection) for own in scores]
            weights = [1.0 / max(error, _LEAST_ERROR) for error in errors]

        total = math.fsum(weights)
        return tuple(weight / total for weight in weights)

    def score_champion(
        self,
        engine: Engine,
        genome: Genome,
        networks: Sequence[NDArray[np.float32]],
        shares: Sequence[float],
    ) -> ChampionScores:
        """See `Problem.score_champion`: on train + validation, and on the test part."""
        data = self.dataset
        single: dict[str, Metrics] = {}
        together: dict[str, Metrics] = {}
        for name, part in (("train", data.fit_part(data.validates)), ("test", data.test)):
            if part is None:
                continue

            predictions = [self.predictions(engine, genome, own, part) for own in networks]
            metrics = [self.metrics(prediction, part) for prediction in predictions]
            single[name] = mean_metrics([own for own in metrics if own is not None])

            weighted = [share * each for share, each in zip(shares, predictions, strict=True)]
            of_mean = self.metrics(np.asarray(sum(weighted)), part)
            together[name] = of_mean or single[name]

        return ChampionScores(Scores(**single), Scores(**together))

    @property
    def has_baselines(self) -> bool:
        """See `Problem.has_baselines`: they are judged on the test part."""
        return self.dataset.test is not None

    # ---- How good a network is -------------------------------------------------------------------

    def predictions(
        self, engine: Engine, genome: Genome, weights: NDArray[np.float32], part: Part
    ) -> NDArray[np.float64]:
        """What one network predicts for a part of the data.

        Parameters
        ----------
        engine
            Computes the network's outputs.
        genome
            Gives the network's topology.
        weights
            (D,): the trained weights.
        part
            The rows.

        Returns
        -------
        ndarray
            Unscaled targets (rows,), or probabilities (rows, classes).
        """
        outputs = engine.outputs(self.network(genome), weights, part.x)
        values = self.dataset.unscale(outputs)
        if self.dataset.task != "classification":
            return values

        # Outputs that are not finite give NaN, of which `metrics` makes None.
        with np.errstate(all="ignore"):
            return probabilities(values)

    def metrics(self, predictions: NDArray[np.float64], part: Part) -> Metrics | None:
        """Score the predictions for a part of the data.

        Parameters
        ----------
        predictions
            What `predictions` returns for the part, or a weighted sum of several such results.
        part
            The rows, with their true targets and their weights.

        Returns
        -------
        Metrics or None
            None when a prediction is not finite.
        """
        if self.dataset.task == "classification":
            metrics = classification_metrics(predictions, part.target, part.weight)
        else:
            metrics = regression_metrics(predictions, part.target, part.weight)

        own = self.own_metric
        if own is None or metrics is None:
            return metrics
        value = self.own_score(own, predictions, part)
        if not math.isfinite(value):
            return None
        return replace(metrics, others={own.name: value})

    def scores_of(
        self, engine: Engine, genome: Genome, weights: NDArray[np.float32], part: Part
    ) -> Metrics | None:
        """Score one network on a part of the data: `predictions`, then `metrics`.

        Parameters
        ----------
        engine
            Computes the network's outputs.
        genome
            Gives the network's topology.
        weights
            (D,): the trained weights.
        part
            The rows, with their true targets.
        """
        return self.metrics(self.predictions(engine, genome, weights, part), part)


def _error(metrics: Metrics) -> float:
    """The log loss, or the mean square."""
    if metrics.log_loss:
        return metrics.log_loss
    return (metrics.rmse or 0.0) ** 2


def as_table(problem: Problem, purpose: str) -> TableProblem:
    """The problem, if it is a table.

    Parameters
    ----------
    problem
        A problem of any kind.
    purpose
        What needs a table, as the subject of a sentence.

    Raises
    ------
    ProblemError
        It is no table.
    """
    if not isinstance(problem, TableProblem):
        raise ProblemError(
            f"{purpose} needs a table, and {problem.name} is a {problem.kind}.",
            expected="a run that solves a table",
            remedy="choose another run",
        )
    return problem
