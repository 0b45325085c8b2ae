"""Python's two verbs: `train` one swarm, `search` for the genome of a good one.

Both are thin: `train` is one training of `shoal.problems.table`, `search` is a run that
`shoal.orchestration.runner` drives in this process.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.analysis.best_model import with_model_of
from shoal.analysis.champion_rows import ChampionRows, champion_rows
from shoal.analysis.diagnostics import Diagnostics, diagnostics
from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.evaluations import Evaluations
from shoal.analysis.input_importance import REPEATS, InputImportances, input_importances
from shoal.analysis.partial_dependence import LINES, PartialDependence, partial_dependence
from shoal.analysis.rank_reasons import leaders
from shoal.analysis.score_rows import score_rows
from shoal.analysis.summary import load_champion
from shoal.data import Dataset, Part
from shoal.errors import AnalysisError, ModelError, ProblemError, RunStateError, SettingsError
from shoal.executors import Executor, executor_of, make_executor
from shoal.genome.genome import Genome
from shoal.genome.presets import check_genome
from shoal.models.model import Model, describe_model
from shoal.models.predicting import Predicting
from shoal.nn.network import Network
from shoal.objectives.decoders import Decoder
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.objectives.metrics import Metrics, Scores
from shoal.orchestration.callbacks import (
    Callback,
    CallbackFailedError,
    Callbacks,
    OnEvaluation,
    OnGeneration,
)
from shoal.orchestration.preflight import (
    check_dataset,
    check_search,
    check_subject,
    probe_subject,
)
from shoal.orchestration.runner import Runner
from shoal.presentation.run_progress import show_run
from shoal.problems.base import Problem
from shoal.problems.evaluation import Task
from shoal.problems.own_code import Own, pin_settings
from shoal.problems.registry import fill_settings, usual_settings
from shoal.problems.table import TableProblem
from shoal.pso.engines import cores, get_engine
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import LEAST_IMPROVEMENT, SwarmState, TrainingTask
from shoal.settings.budgets import with_budget
from shoal.settings.search_settings import SearchSettings
from shoal.store import Claim, GenerationRecord, Owner, RunView, Store, open_store
from shoal.system.progress_bar import ProgressBar, progress_bar
from shoal.system.shown import Shown
from shoal.tuning.champion import Champion

if TYPE_CHECKING:
    from shoal.dashboard.charts.run_plots import RunPlots
    from shoal.inference.policy import ExportedPolicy
    from shoal.problems.registry import Subject

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2

# What figures need, and the module that draws them. It stands above this one, with the pages that
# draw the same, and is loaded when somebody plots.
_PLOTTING = ("altair", "plotly")
_PLOTS = "shoal.dashboard.charts.run_plots"
# What writes exports stands above this module, too.
_EXPORT = "shoal.export.bundle"
# What a table of scores begins with.
_SCORE_COLUMNS = ("label", "score", "half", "ensemble", "is_champion", "error")

# Makes the executor of a problem, for a number of workers.
MakeExecutor = Callable[[Problem, int | None], Executor]
# What names an objective, or is one.
Objective = str | dict[str, Any] | TableObjective | RowLoss

# Switches off what a search does to its trainings: a single one is as long as it was asked for.
_AS_ASKED = {"racing": "fixed", "equal_effort": False, "min_improvement": LEAST_IMPROVEMENT}


@dataclass(frozen=True, eq=False, repr=False)
class TrainResult(Predicting, Shown):
    """One trained network; `train` gives it.

    Attributes
    ----------
    genome
        The swarm's hyperparameters and the hidden layers.
    network
        The network's shape. ``network.forward(weights[None], x)[0]`` are its outputs (rows,
        outputs).
    weights
        (D,) float32, in the layout of `shoal.nn.network`.
    loss
        Training loss of these weights.
    history
        (iterations,): the global best loss after each iteration.
    scores
        Metrics on the training, validation and test part. The test part is looked at, as a single
        training selects nothing by it.
    seconds
        Wall-clock time of the training.
    spared
        Share of rows x particles, in [0, 1], that did not have to be evaluated.
    model
        The network, and how it reads a table: what `predict` asks. It can be pickled.
    """

    genome: Genome
    network: Network
    weights: NDArray[np.float32] = field(repr=False)
    loss: float
    history: NDArray[np.float64] = field(repr=False)
    scores: Scores
    seconds: float
    spared: float
    model: Model | None = field(repr=False, default=None)


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult(Predicting, Shown):
    """A search that has ended; `search` gives it.

    Attributes
    ----------
    run
        The run's record: number, name, state, settings, times.
    champion
        The networks of the best genome, with their scores and those of baselines; None when the
        search was stopped or failed.
    evaluations
        Every training, in the order of the search; ``evaluations.to_frame()`` is a table of them.
    generations
        A record of each completed generation.
    recorded_in
        Opens the store that has the run, when somebody asks for more than this.
    problem_of_run
        Reads what the run solves, when somebody asks what its model does.
    """

    run: RunView
    champion: Champion | None
    evaluations: Evaluations = field(repr=False)
    generations: tuple[GenerationRecord, ...] = field(repr=False)
    recorded_in: Callable[[], Store] | None = field(repr=False, default=None)
    problem_of_run: Callable[[], Problem] | None = field(repr=False, default=None)

    @property
    def plot(self) -> RunPlots:
        """The figures of the pages: ``plot.history()``, ``plot.leaderboard()`` and others.

        A notebook shows what they return.

        Raises
        ------
        AnalysisError
            Altair or Plotly is not installed, or it is not known where the run is recorded.
        """
        for package in _PLOTTING:
            if find_spec(package) is None:
                raise AnalysisError(
                    f"Figures need {package}, which is not installed.",
                    remedy="pip install 'shoal[dashboard]'",
                )
        if self.recorded_in is None:
            raise _unknown_store(self.run)
        plots: RunPlots = import_module(_PLOTS).RunPlots(self.run, self.recorded_in)
        return plots

    def leaderboard(self, count: int = 10) -> pd.DataFrame:
        """The best genomes in the order of the page Champion.

        Parameters
        ----------
        count
            The most genomes.

        Returns
        -------
        DataFrame
            A row for each genome, by its hash, the champion first: the genes, and the scores that
            `shoal.analysis.evaluation_table.EvaluationTable.genomes` explains.

        Raises
        ------
        AnalysisError
            It is not known where the run is recorded.
        """
        if self.recorded_in is None:
            raise _unknown_store(self.run)
        with self.recorded_in() as store:
            champion = self.champion.genome.hash if self.champion else None
            return leaders(EvaluationTable(store, self.run).refresh(), count, champion)

    def baselines(self) -> pd.DataFrame:
        """The champion's scores beside those of other methods on the same test rows.

        Returns
        -------
        DataFrame
            A row for each line of the page Champion, in its order: ``label``, ``score`` by the
            run's metric and ``half``, half of its 95 % interval, ``ensemble``, ``is_champion``,
            ``error``, and all metrics of single networks by their names. Empty without a champion.
        """
        rows = []
        if self.champion is not None:
            for row in score_rows(self.champion, kind=self.run.kind):
                metrics = row.metrics.to_dict() if row.metrics else {}
                named = {name: getattr(row, name) for name in _SCORE_COLUMNS}
                rows.append({**metrics, **named})
        frame = pd.DataFrame(rows)
        others = [name for name in frame.columns if name not in _SCORE_COLUMNS]
        return frame.reindex(columns=[*_SCORE_COLUMNS, *others])

    @property
    def x(self) -> NDArray[np.float64] | None:
        """The best point of a function that any training found, (D,); None without one."""
        if self.champion is None or self.run.has_network:
            return None
        return self.champion.chosen_weights

    @property
    def fun(self) -> float | None:
        """The function's value at `x`; None without one."""
        if self.champion is None or self.run.has_network:
            return None
        return self.champion.ensemble.train[self.run.metric.name]

    def importance(self, *, repeats: int = REPEATS, seed: int = 0) -> InputImportances:
        """Which columns the champion needs: what the score loses when their values are shuffled.

        Parameters
        ----------
        repeats
            Shuffles of each column, 2 or more.
        seed
            The same seed gives the same numbers.

        Returns
        -------
        InputImportances
            Of the networks together, on the test rows, with 95 % intervals over networks and
            shuffles; ``to_frame()`` has a row a column.

        Raises
        ------
        AnalysisError
            There is no champion, or the table has no test rows.
        ProblemError
            The run solves no table.
        SettingsError
            For ``repeats`` out of range.
        """
        return input_importances(self._champion_rows, repeats=repeats, seed=seed)

    def partial_dependence(
        self, column: str, *, lines: int = LINES, seed: int = 0
    ) -> PartialDependence:
        """How the champion's predictions change with one column of the table.

        Parameters
        ----------
        column
            The name of an input.
        lines
            Test rows whose own predictions are kept.
        seed
            Of the rows that are drawn.

        Returns
        -------
        PartialDependence
            ``average`` (values, outputs) and ``individual`` (lines, values, outputs), of the
            networks together; ``to_frame()`` has a row for each value and output.

        Raises
        ------
        AnalysisError, ProblemError
            As `importance`, and for a column that is no input.
        """
        return partial_dependence(self._champion_rows, column, lines=lines, seed=seed)

    def diagnostics(self) -> Diagnostics:
        """How the champion's networks together predict the test rows.

        Returns
        -------
        ClassDiagnostics or NumberDiagnostics
            Of classes: curves, confusions, precision and recall, thresholds, calibration. Of
            numbers: residuals, and errors by range of the target.

        Raises
        ------
        AnalysisError, ProblemError
            As `importance`.
        """
        return diagnostics(self._champion_rows)

    def export(
        self, to: str | os.PathLike[str], *, force: bool = False, onnx: bool = False
    ) -> Path:
        """Write the champion to a folder, as ``shoal export`` does.

        Parameters
        ----------
        to
            The folder; made if missing.
        force
            Replace the files of an earlier export.
        onnx
            Also write the networks with their preprocessing as one ONNX graph, ``model.onnx``.

        Returns
        -------
        Path
            The folder: weights, settings, every evaluation, a report, and a program that needs
            NumPy alone. `shoal.load_model` or `shoal.load_policy` reads it.

        Raises
        ------
        AnalysisError
            It is not known where the run is recorded.
        StoreError
            The folder is not empty, or cannot be written.
        ModelError
            With ``onnx``: the package onnx is not installed, or the run minimises a function.
        """
        if self.recorded_in is None:
            raise _unknown_store(self.run)
        export_run = import_module(_EXPORT).export_run
        with self.recorded_in() as store:
            folder: Path = export_run(store, self.run.id, to, force=force, onnx=onnx)
        return folder

    @cached_property
    def _champion_rows(self) -> ChampionRows:
        champion, problem = self._solved()
        return champion_rows(problem, champion)

    def _solved(self) -> tuple[Champion, Problem]:
        if self.champion is None or self.problem_of_run is None:
            raise AnalysisError(
                f"Run {self.run.id} is {self.run.state}, and has kept no champion.",
                expected="a finished run that has kept its champion",
                remedy=self._remedy_for_champion(),
            )
        return self.champion, self.problem_of_run()

    @property
    def model(self) -> Model | None:
        """The champion's networks together, and how they read a table; what `predict` asks."""
        if self.champion is None:
            return None
        return self.champion.model

    @property
    def policy(self) -> ExportedPolicy:
        """The champion's policy: ``policy.act(observation)`` answers as it does in the simulation.

        Raises
        ------
        AnalysisError
            There is no champion.
        ProblemError
            The run solves no simulation.
        """
        champion, problem = self._solved()
        if problem.kind != "simulation":
            raise ProblemError(
                f"Run {self.run.id} solves a {problem.kind}, and has no policy.",
                expected="a run with a simulation",
                remedy="predict asks the model of a table; x is the best point of a function",
            )
        # Imported here: the compiler of simulations is heavy.
        from shoal.analysis.acting_policy import acting_policy
        from shoal.problems.simulation import SimulationProblem

        assert isinstance(problem, SimulationProblem)
        return acting_policy(champion, problem, self.run.id)

    def _no_model(self) -> ModelError:
        if self.champion is not None:
            return super()._no_model()
        return ModelError(
            f"Run {self.run.id} is {self.run.state}, and has kept no champion that predicts.",
            expected="a finished run that has kept its champion",
            remedy=f"{self._remedy_for_champion()}, or `shoal export {self.run.id} --to DIR` "
            "trains its best genome so far",
        )

    def _remedy_for_champion(self) -> str:
        # Earlier versions called a run finished whose champion was lost.
        if self.run.state == "finished":
            return f"`shoal resume {self.run.id} --generations N` with a larger N makes one"
        return f"`shoal resume {self.run.id}` goes on with it, and then `shoal.load_run`"

    @property
    def result_hash(self) -> str | None:
        """SHA-256 of all evaluations: equal settings, data and seed give equal hashes."""
        return self.run.result_hash


def train(
    data: Dataset,
    genome: Genome | None = None,
    *,
    iterations: int = 500,
    seed: int = 0,
    repeat: int = 0,
    threads: int | None = None,
    patience: int | None = None,
    seconds: float | None = None,
    loss: str | None = None,
    objective: Objective | None = None,
    metric: Objective | None = None,
    decoder: str | dict[str, Any] | Decoder | None = None,
    start_from: str | os.PathLike[str] | None = None,
    engine: str = "cpu",
    progress: bool | None = None,
) -> TrainResult:
    """Train one network with one swarm.

    Parameters
    ----------
    data
        What `shoal.load_dataset` gives.
    genome
        The swarm's hyperparameters and the hidden layers. None: `shoal.Genome`'s defaults.
    iterations
        Steps of the swarm, at most.
    seed, repeat
        They name the random stream, as in a search: the same pair repeats a recorded training.
        ``repeat`` is at least 0 and below 2**32; with folds it also says which fold validates.
    threads
        Share the swarm's particles, and change no bit of the result. None: one for each core.
    patience
        End earlier when the loss improved by less than 0.01 % over this number of iterations. None:
        never.
    seconds
        End earlier after this wall-clock time; the result then depends on the machine's speed.
        None: never.
    loss
        "mse", "mae", "huber" for regression, "cross_entropy", "zero_one" for classification, or
        "negative_accuracy" for both. None: "mse" or "cross_entropy".
    objective
        What the swarm optimises in place of a loss: the name of a built-in objective or of a scorer
        of scikit-learn, ``file.py:name``, or what `shoal.objective` and `shoal.row_loss` make. Any
        function will do, also one of a notebook.
    metric
        What is scored besides the metrics that every table has; as ``objective``. None: the
        objective.
    decoder
        What networks positions of the swarm stand for: "sign", "ternary", "int8", "scorecard",
        ``file.py:name``, or what `shoal.decoder` makes. None: a position is a network.
    start_from
        The network that the swarm starts from: "adam" or "lbfgs" train it by gradients, with
        scikit-learn; or a folder that ``shoal export`` wrote, or a file of weights. The swarm stays
        near it with a small ``max_velocity``. None: it starts at random.
    engine
        "cpu", or "reference": the same algorithm in plain NumPy, slow and easy to read.
    progress
        A bar while it takes longer than half a second. None: where a person looks, in a notebook or
        a terminal; True: elsewhere lines on standard error; False: never.

    Returns
    -------
    TrainResult
        Weights, loss by iteration, and scores by part of the data.

    Raises
    ------
    SettingsError
        For a setting out of range, and when no particle ever had a finite loss.
    DataError
        If ``data`` is no prepared data set.
    GenomeError
        If ``genome`` is none.
    ObjectiveError
        If the objective raises, returns another shape, or does not fit the data.
    DecoderError
        If the decoder raises, returns another shape, or does not fit the network.

    Examples
    --------
    >>> import shoal
    >>> data = shoal.load_dataset("concrete")
    >>> result = shoal.train(data, shoal.Genome(hidden_layers=(8,)), iterations=40, seed=1)
    >>> result.weights.shape, result.history.shape
    ((81,), (40,))
    >>> result.loss == float(result.history[-1])
    True
    >>> result.scores.test.accuracy > 50
    True
    """
    _check_train_arguments(data, genome, repeat)
    named: dict[str, Any] = {"objective": objective, "metric": metric, "decoder": decoder}
    # Objects are used as they are. Names become settings.
    objects: dict[str, Any] = {}
    for setting, own in list(named.items()):
        if isinstance(own, Own | Decoder):
            objects[f"given_{setting}"] = own
            named[setting] = None
    settings = SearchSettings.parse(
        {
            **pin_settings({**named, "start_from": start_from}),
            "iterations": iterations,
            "seed": seed,
            "patience": patience,
            "training_seconds": seconds,
            "loss": loss,
            "engine": engine,
            "workers": threads,
            **_AS_ASKED,
        }
    )
    # One training, exactly as a search would make it.
    problem = TableProblem(data, settings, **objects)
    task = Task(genome or problem.default_genome, repeat)
    trainer = get_engine(engine, threads or cores())

    train_part, validation_part = data.parts(repeat)
    with progress_bar(progress) as bar:

        def show(training: TrainingTask, state: SwarmState) -> None:
            if bar.is_due:
                loss = f"loss {state.best_losses.min():.5g}"
                text = f"iteration {state.iteration:,} of {training.iterations:,}, {loss}"
                bar.show(state.iteration / training.iterations, text)

        (result,) = trainer.train([problem.training(task, part=train_part)], show)

    train_metrics = _score(problem, trainer, task.genome, result.weights, train_part)
    if not np.isfinite(result.loss) or train_metrics is None:
        raise SettingsError(
            "The swarm never found weights with a finite loss.",
            expected="outputs within float32",
            remedy="lower weight_scale and max_position, or scale the columns (preset 'modern' "
            "does)",
        )
    scores = Scores(
        train=train_metrics,
        validation=_score(problem, trainer, task.genome, result.weights, validation_part),
        test=_score(problem, trainer, task.genome, result.weights, data.test),
    )
    return TrainResult(
        genome=task.genome,
        network=problem.network(task.genome),
        weights=result.weights,
        loss=result.loss,
        history=result.history,
        scores=scores,
        seconds=result.seconds,
        spared=result.rows_skipped,
        model=_model_of_network(problem, task.genome, result.weights),
    )


def _model_of_network(problem: TableProblem, genome: Genome, weights: NDArray[np.float32]) -> Model:
    """One network (D,) as a model of the table."""
    data = problem.dataset
    layers = problem.network(genome).layers
    description = describe_model(data.name, data.encoder, layers, genome.activation, (1.0,))
    return Model({**description, "metric": problem.metric.to_dict()}, weights[None])


def _check_train_arguments(data: Dataset, genome: Genome | None, repeat: int) -> None:
    check_dataset(data)
    if genome is not None:
        check_genome(genome)
    if not (isinstance(repeat, int) and 0 <= repeat < 2**32):
        raise SettingsError(
            f"repeat={repeat!r}.", expected="a whole number, 0 or more", remedy="0 is usual"
        )


def _score(
    problem: TableProblem,
    engine: Engine,
    genome: Genome,
    weights: NDArray[np.float32],
    part: Part | None,
) -> Metrics | None:
    """Metrics of one network's weights (D,) on a part; None without a part, or if not finite."""
    if part is None:
        return None
    predictions = problem.predictions(engine, genome, weights, part)
    return problem.metrics(predictions, part)


def search(
    data: Subject,
    *,
    store: str | os.PathLike[str] | Store | None = None,
    name: str | None = None,
    budget: str | None = None,
    progress: bool | None = None,
    on_evaluation: OnEvaluation | None = None,
    on_generation: OnGeneration | None = None,
    callbacks: Sequence[Callback] = (),
    **settings: Any,
) -> SearchResult:
    """Search for a good genome, in worker processes, and record every training.

    It returns when the search has ended. An interrupt (Ctrl-C) leaves a run that ``shoal resume``
    goes on with, to the same result.

    Parameters
    ----------
    data
        What is solved: what `shoal.load_dataset` gives, a simulation of `shoal.simulation`, or a
        `shoal.FunctionProblem`, whose swarm is tuned.
    store
        Where to record: a path, the URL of a PostgreSQL database, or an open `shoal.Store`. None:
        the default store, which the command line and the dashboard use, too.
    name
        What the run is called. None: as the data set is.
    budget
        "quick", "default", "thorough" or "overnight": a few settings by one name, below those that
        are given by their own. None: the usual ones.
    progress
        A bar with the phase, the best score and the time left. None: where a person looks, in a
        notebook or a terminal; True: elsewhere lines on standard error; False: never.
    on_evaluation
        Called with each `Evaluation` once it is recorded, in the recorded order, in this process.
        The search hands out no trainings meanwhile. The run stays this process's, however long it
        takes; only a call that holds Python's global lock for 30 seconds loses it.
        When it raises something, the run is released or paused, so that ``shoal resume`` goes on
        with it, and the caller gets what was raised.
    on_generation
        As ``on_evaluation``, with the `GenerationSummary` of each generation that is complete.
    callbacks
        Objects that are told the same, and of the run's begin and end: trackers such as
        ``shoal.trackers.MLflow()``, or what derives from `shoal.Callback`.
    settings
        Those of `shoal.SearchSettings`, by name; docs/reference/settings.md explains each. The
        preset is the data's unless it is among them. ``objective`` and ``metric`` may be what
        `shoal.objective` and `shoal.row_loss` make, and ``decoder`` what `shoal.decoder` makes, at
        the top level of a file.

    Returns
    -------
    SearchResult
        The champion, and every evaluation.

    Raises
    ------
    SettingsError
        For a setting out of range, a name that no setting has, or a loss that does not fit the
        target. Like the next two, before anything is written.
    DataError
        If ``data`` is nothing that can be solved.
    ProblemError
        If no other process can import the simulation or function, or if it does not work when it is
        called.
    ExecutorError
        If trainings are to run on a pool, such as Ray or Dask, that cannot be used.
    StoreError
        If the store cannot be opened or written to.

    Examples
    --------
    A search as small as can be, recorded in ``folder``, a `pathlib.Path`:

    >>> import shoal
    >>> data = shoal.load_dataset("concrete", folds=1)
    >>> result = shoal.search(
    ...     data,
    ...     store=folder / "shoal.db",
    ...     population=2,
    ...     generations=1,
    ...     repeats=2,
    ...     iterations=10,
    ...     baselines=False,
    ... )
    >>> result.run.state, len(result.generations), len(result.result_hash)
    ('finished', 1, 64)
    >>> result.champion.genome in {evaluation.task.genome for evaluation in result.evaluations}
    True
    """
    check_subject(data)
    make = None
    if not isinstance(settings.get("executor", ""), str):
        make = executor_of(settings.pop("executor"))
    usual = usual_settings(data)
    filled = fill_settings(with_budget(budget, pin_settings(settings), usual), usual)
    parsed = SearchSettings.parse(filled)
    check_search(data, parsed, name)
    told = Callbacks(on_evaluation, on_generation, objects=callbacks)
    bar = progress_bar(progress)
    probe_subject(data)
    prepared = data if isinstance(data, Dataset) else None

    with ExitStack() as stack:
        if not isinstance(store, Store):
            store = stack.enter_context(open_store(store))
        # A run has one owner. Only if no supervisor has claimed it does this process drive it. A
        # pool of the caller's is in this process alone.
        claim: Claim | None
        if make is None:
            run_id, _ = store.add_run(data, parsed, name=name)
            claim = store.claim(Owner.here(), run_id)
        else:
            claim = store.add_claimed_run(data, parsed, Owner.here(), name=name)
            run_id = claim.run_id
        with bar:
            result = partial(search_result, store, run_id, prepared)
            _see_to_end(_Watched(store, run_id, told, bar, result), claim, make or make_executor)
        return result()


@dataclass(frozen=True)
class _Watched:
    """A run that the caller waits for, with what the caller is shown and told meanwhile."""

    store: Store
    run_id: int
    callbacks: Callbacks
    bar: ProgressBar
    result: Callable[[], SearchResult]

    def look(self) -> None:
        """Tell and show what is new."""
        self.callbacks.look(self.store, self.run_id)
        show_run(self.bar, self.store, self.run_id)


def _see_to_end(run: _Watched, claim: Claim | None, make: MakeExecutor) -> None:
    """Drive a run, or wait for the supervisor that does, until it ends."""
    store = run.store
    run_id = run.run_id
    failed = None
    try:
        if claim is None:
            _log.info("run %s: a supervisor of this store drives it", run_id)
        else:
            _drive(run, claim, make)
        while store.run(run_id).state in ("queued", "running"):
            run.look()
            time.sleep(_POLL_SECONDS)
        run.callbacks.look(store, run_id, at_once=True)
        run.callbacks.end(run.result)
    except KeyboardInterrupt:
        run.callbacks.end(run.result)
        raise
    except CallbackFailedError as error:
        failed = error
        # A supervisor that drives the run by now pauses it; a run that has ended stays as it is.
        with suppress(RunStateError):
            if store.run(run_id).state == "running":
                store.command(run_id, "pause")
    if failed is not None:
        # Outside of the handler, the caller gets what was raised as if nothing were between.
        raise failed.error


def _drive(run: _Watched, claim: Claim, make: MakeExecutor) -> None:
    """Drive a run in this process; what ends that early leaves the run to be resumed."""
    runner = Runner(run.store, claim, look=run.look, make_executor=make)
    try:
        runner.drive()
    except (KeyboardInterrupt, CallbackFailedError):
        _log.info("run %s: interrupted, and released to be resumed", run.run_id)
        run.store.release(claim, run.store.run(run.run_id).seconds)
        raise


def search_result(store: Store, run_id: int, data: Dataset | None = None) -> SearchResult:
    """What is recorded of a run, whatever its state.

    Parameters
    ----------
    store
        The store that has the run.
    run_id
        The run.
    data
        The run's table as it was prepared for it, where that is at hand; None: it is prepared
        anew, since the model has to know how it reads a table.

    Returns
    -------
    SearchResult
        Without a champion unless the run has finished. All evaluations come with their curves.

    Raises
    ------
    RunNotFoundError
        If the store has no such run.
    """
    run = store.run(run_id)
    champion = load_champion(store, run)
    if champion is not None and run.is_table:
        # The table alone: what a run needs besides is code that may be elsewhere.
        champion = with_model_of(champion, data or store.load_dataset(run.id))
    return SearchResult(
        run=run,
        champion=champion,
        evaluations=Evaluations(store.evaluations(run_id), run.metric),
        generations=tuple(store.generations(run_id)),
        recorded_in=partial(open_store, store.raw_url, create=False),
        problem_of_run=partial(_stored_problem, store.raw_url, run.id),
    )


def load_run(run_id: int, store: str | os.PathLike[str] | Store | None = None) -> SearchResult:
    """A run that was recorded before, such as one that was started in the dashboard.

    Parameters
    ----------
    run_id
        The run's number.
    store
        Where it is recorded, as of `search`.

    Returns
    -------
    SearchResult
        As `search` gives it; without a champion unless the run has finished.

    Raises
    ------
    RunNotFoundError
        If the store has no such run.
    StoreError
        If the store cannot be opened, or there is none.
    """
    if isinstance(store, Store):
        return search_result(store, run_id)
    with open_store(store, create=False) as opened:
        return search_result(opened, run_id)


def _unknown_store(run: RunView) -> AnalysisError:
    return AnalysisError(
        f"It is not known where run {run.id} is recorded.",
        expected="a result of shoal.search or shoal.load_run",
        remedy=f"result = shoal.load_run({run.id}, store)",
    )


def _stored_problem(store: str, run_id: int) -> Problem:
    """What a run solves. The store may have been closed since the run was read."""
    with open_store(store, create=False) as opened:
        return opened.load_problem(run_id)
