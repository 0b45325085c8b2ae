"""A simulation as a problem: a network is a policy, trained and judged in scenarios.

Scenarios come in four sets that have nothing in common: those that a swarm trains on, those on
which the positions of a training are compared, those of the confirmation, and those of the test,
which only a champion meets. A run records a reference to the simulation, never code that is run
(`shoal.problems.references`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ProblemError, SettingsError, SimulationError
from shoal.genome.genome import Genome
from shoal.genome.presets import named_genome
from shoal.nn.network import Network
from shoal.numerics.philox import Key, Purpose, derive_key
from shoal.objectives.decoders import Decoder
from shoal.objectives.metrics import Metrics, Scores
from shoal.objectives.registry import Metric
from shoal.problems import references
from shoal.problems.base import (
    ChampionScores,
    Observed,
    Problem,
    downsample_history,
    refuse_settings,
)
from shoal.problems.evaluation import Evaluation, Task
from shoal.problems.own_code import find_named_decoder, recorded_codes
from shoal.problems.simulation_stepwise import StepwisePolicy
from shoal.pso.engines.base import Engine
from shoal.pso.swarm import SwarmState
from shoal.settings.phase import Phase
from shoal.settings.presets import SIMULATION
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.compilation import compile_anew
from shoal.simulations.defaults import SEARCHES, USUAL_PLAN, usual_plan
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import PolicyScores, ScenarioSet, evaluate_policies
from shoal.simulations.gym import GymSimulation, gym_simulation
from shoal.simulations.gym_makers import PREFIX
from shoal.simulations.gym_spaces import Normalisation
from shoal.simulations.registry import get_simulation, is_bundled
from shoal.simulations.training import Observer, TrainingPlan, policy_network, train_policy

# The name of the one metric of a simulation.
SCORE = "score"
# The entry of a record that says how an environment's observations are scaled.
NORMALISATION = "normalisation"
# The random stream of the scenarios on which trainings are compared: no repeat has this number.
_SHARED_STREAM = 0xFFFFFFFE
# The scenarios that score a training, the same for all of a phase. Those that choose among its own
# policies belong to the training alone, so that no score is that of the luckiest of them.
_SCORED_ON = {
    Phase.SEARCH: Purpose.VALIDATION_SCENARIO,
    Phase.CONFIRMATION: Purpose.CONFIRMATION_SCENARIO,
}


@dataclass(frozen=True)
class SimulationProblem(Problem):
    """A simulation, and the settings of a run on it.

    Attributes
    ----------
    simulation
        What a policy is trained in.
    settings
        The settings of the run.

    Raises
    ------
    SettingsError
        When the settings name a loss, an objective or a metric: what a simulation returns is all.
        Or a decoder that is for tables.
    DecoderError
        When the decoder does not work.
    """

    simulation: Simulation
    settings: SearchSettings
    kind = "simulation"

    def __post_init__(self) -> None:
        decoder = self.decoder
        if decoder is not None and decoder.data_options:
            raise SettingsError(
                f"decoder={decoder.name!r}, and {self.simulation.name} is a simulation.",
                expected="a decoder that needs no table",
                remedy="choose sign, ternary, int8, or one of your own",
            )
        refuse_settings(
            self.settings,
            ("metric", "loss", "objective", "start_from"),
            f"{self.simulation.name} is a simulation",
            "none: a simulation is scored by what it returns",
        )
        if decoder is not None:
            decoder.check(self.network(self.default_genome))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Another process imports the simulation from its own machine: code is never sent.
        return load_simulation_problem, (self.to_dict(), self.settings)

    def for_workers(self) -> RecordedSimulation:
        """See `Problem.for_workers`: a worker that cannot load it says why."""
        return RecordedSimulation(self.to_dict(), self.settings)

    # ---- What it is ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return self.simulation.name

    @property
    def metric(self) -> Metric:
        """See `Problem.metric`: what the simulation returns."""
        return simulation_metric(self.simulation)

    def network(self, genome: Genome) -> Network:
        """See `Problem.network`: from observations to actions."""
        return policy_network(self.simulation, genome)

    def to_dict(self) -> dict[str, Any]:
        """See `Problem.to_dict`."""
        return describe_simulation(self.simulation, self.settings)

    @cached_property
    def decoder(self) -> Decoder | None:
        """What the positions of swarms stand for; None: they are the policies' weights."""
        if self.settings.decoder is None:
            return None
        return find_named_decoder(self.settings.decoder)

    # ---- How long a training is ------------------------------------------------------------------

    @property
    def default_genome(self) -> Genome:
        """See `Problem.default_genome`: the first swarm that a search starts with."""
        layers = self.settings.space.start_layers
        start = self.settings.start or ("policy",)
        return named_genome(start[0], hidden_layers=layers)

    def effort(self, genome: Genome) -> int:
        """See `Problem.effort`: episodes of an iteration, in each of which as much is simulated."""
        evaluated = genome.evaluations_per_iteration
        noisy = self.settings.fresh_scenarios and not self.simulation.deterministic
        if noisy:
            # Bests are evaluated anew on the same scenarios.
            evaluated += genome.swarm_size
        return evaluated * self.settings.scenarios

    @property
    def takes_longer_as_it_learns(self) -> bool:
        """See `Problem.takes_longer_as_it_learns`: better policies often last longer."""
        return True

    @property
    def compiles_in_each_process(self) -> bool:
        """See `Problem.compiles_in_each_process`."""
        # The loop over policies and scenarios, even where the simulation itself is kept.
        return not self.simulation.batched and self.simulation.compiled is not False

    def compile_anew(self) -> None:
        """See `Problem.compile_anew`."""
        compile_anew(self.simulation)

    # ---- What a worker does ----------------------------------------------------------------------

    def train(
        self, task: Task, engine: Engine, iterations: int | None = None
    ) -> tuple[Evaluation, NDArray[np.float32] | None]:
        """See `Problem.train`: in its own scenarios, scored on those of its phase."""
        begun = time.perf_counter()
        try:
            trained = train_policy(
                self.simulation,
                task.genome,
                derive_key(self.settings.seed, task.repeat),
                self._plan(task, iterations),
                decoder=self.decoder,
                scored_on=ScenarioSet(self._shared_key, _SCORED_ON[task.phase]),
                threads=_threads(engine),
                observer=self._observer(task, engine),
            )
        except SimulationError as failure:
            seconds = time.perf_counter() - begun
            return Evaluation(task, "failed", seconds=seconds, error=str(failure)), None

        score = trained.score
        counts = {"episodes": float(trained.episodes), "steps": float(trained.steps)}
        evaluation = Evaluation(
            task=task,
            status="ok",
            scores=Scores(
                train=Metrics(others={SCORE: trained.training_score, **counts}),
                validation=Metrics(others={SCORE: score}),
            ),
            loss=trained.loss,
            iterations=trained.iterations,
            seconds=trained.seconds,
            curve=downsample_history(trained.history),
            score=score,
        )
        return evaluation, trained.weights

    @property
    def loss_metric(self) -> Metric:
        """See `Problem.loss_metric`: a loss is the mean score, and what weight decay adds."""
        return self.metric

    def stepwise(self, task: Task, engine: Engine, iterations: int) -> StepwisePolicy:
        """See `Problem.stepwise`: in the scenarios that the training met."""
        return StepwisePolicy(
            self.simulation,
            task.genome,
            derive_key(self.settings.seed, task.repeat),
            self._plan(task, iterations),
            decoder=self.decoder,
            threads=_threads(engine),
            loss_name=SCORE,
        )

    def _plan(self, task: Task, iterations: int | None) -> TrainingPlan:
        """How long a task's policy is trained; ``iterations`` repeats a recorded length."""
        settings = self.settings
        length = self.length_of(task, iterations)
        return TrainingPlan(
            iterations=length.iterations,
            scenarios=settings.scenarios,
            fresh_scenarios=settings.fresh_scenarios,
            validation_scenarios=settings.validation_scenarios,
            max_steps=settings.steps,
            seconds=length.seconds,
            patience=length.patience,
            horizon=length.horizon,
            min_improvement=settings.min_improvement,
        )

    def _observer(self, task: Task, engine: Engine) -> Observer | None:
        """What shows the swarm to whoever watches the engine's trainings."""
        shown = engine.observer
        if shown is None:
            return None

        length = self.iterations_for(task)
        training: Any = Observed(task.genome, length, length)

        def observe(state: SwarmState, steps: int) -> None:
            shown(training, state)

        return observe

    @property
    def _shared_key(self) -> Key:
        return derive_key(self.settings.seed, _SHARED_STREAM)

    # ---- The champion ----------------------------------------------------------------------------

    @property
    def refits(self) -> bool:
        """See `Problem.refits`: there are as many scenarios as one likes."""
        return False

    def refit(
        self, task: Task, engine: Engine, iterations: int, *, refit: bool
    ) -> NDArray[np.float32]:
        """See `Problem.refit`: the recorded training again."""
        evaluation, weights = self.train(task, engine, iterations)
        if weights is None:
            raise SimulationError(f"A policy could not be trained again. {evaluation.error}")
        return weights

    def shares(self, scores: Sequence[Scores]) -> tuple[float, ...]:
        """See `Problem.shares`: the policy with the best score on validation acts alone."""
        fitness = [self.metric.fitness(own.selection[SCORE]) for own in scores]
        best = int(np.argmax(fitness))
        return tuple(float(number == best) for number in range(len(scores)))

    def score_champion(
        self,
        engine: Engine,
        genome: Genome,
        networks: Sequence[NDArray[np.float32]],
        shares: Sequence[float],
    ) -> ChampionScores:
        """See `Problem.score_champion`: on the test scenarios."""
        tested = self.test(engine, genome, networks)
        means = tested.mean
        acting = int(np.argmax(shares))
        single = Metrics(others={SCORE: math.fsum(means) / len(means)})
        alone = Metrics(others={SCORE: float(means[acting])})

        # A policy has no rows to be scored on again: training scores are those of the trainings.
        return ChampionScores(
            Scores(single, test=single),
            Scores(alone, test=alone),
            episodes=tuple(tested.scores[acting].tolist()),
        )

    @property
    def search_scenarios(self) -> ScenarioSet:
        """The scenarios on which the trainings of the search are compared."""
        return ScenarioSet(self._shared_key, _SCORED_ON[Phase.SEARCH])

    @property
    def test_scenarios(self) -> ScenarioSet:
        """The scenarios of the test, which nothing was selected on."""
        return ScenarioSet(self._shared_key, Purpose.TEST_SCENARIO)

    def test(
        self, engine: Engine, genome: Genome, networks: Sequence[NDArray[np.float32]]
    ) -> PolicyScores:
        """The policies in the test scenarios, which nothing was selected on."""
        return evaluate_policies(
            self.simulation,
            self.network(genome),
            np.stack(networks),
            self.test_scenarios,
            np.arange(self.settings.test_scenarios),
            threads=_threads(engine),
        )


@dataclass(frozen=True)
class RecordedSimulation:
    """A simulation as it is sent to other processes: by its record, never by code.

    Attributes
    ----------
    record
        What `describe_simulation` says.
    settings
        The settings of the run.
    """

    record: Mapping[str, Any]
    settings: SearchSettings

    def in_worker(self) -> SimulationProblem:
        """See `ShippedProblem.in_worker`: the simulation is imported from this machine."""
        return load_simulation_problem(self.record, self.settings)


def _threads(engine: Engine) -> int:
    """The threads that a training may use: those of a compiled engine, or one."""
    return int(getattr(engine, "threads", 1))


def simulation_metric(simulation: Simulation) -> Metric:
    """The metric of a simulation: what it returns."""
    return Metric(SCORE, "Score", simulation.direction, simulation.unit)


def usual_settings(simulation: Simulation) -> dict[str, Any]:
    """The settings of a search over a simulation, where a user gives no others."""
    plan = USUAL_PLAN
    others: dict[str, Any] = {}
    if is_bundled(simulation):
        plan = usual_plan(simulation.name)
        others = dict(SEARCHES.get(simulation.name, {}))
    return {
        "preset": SIMULATION.name,
        "iterations": plan.iterations,
        "scenarios": plan.scenarios,
        "fresh_scenarios": plan.fresh_scenarios,
        "validation_scenarios": plan.validation_scenarios,
        "test_scenarios": 20 * plan.validation_scenarios,
        **others,
    }


def describe_simulation(
    simulation: Simulation, settings: SearchSettings | None = None
) -> dict[str, Any]:
    """What a run records of a simulation, as JSON values.

    Parameters
    ----------
    simulation
        The simulation.
    settings
        Those of the run, which may name a decoder in a user's file; None: of no run.

    Raises
    ------
    CodeChangedError
        The file of a decoder is missing, or has changed since the settings were made.
    ProblemError
        No other process could import it: it is defined in a notebook or in another function.
    """
    record: dict[str, Any] = {
        "kind": SimulationProblem.kind,
        "name": simulation.name,
        "metric": simulation_metric(simulation).to_dict(),
        "inputs": simulation.input_count,
        "outputs": simulation.outputs,
        "options": dict(simulation.options),
        "reference": simulation.name,
        "sha256": None,
        "code": None,
        "versions": references.versions(),
    }
    if settings is not None and settings.decoder is not None:
        record["codes"] = recorded_codes({"decoder": settings.decoder})
    if isinstance(simulation, GymSimulation):
        record[NORMALISATION] = _normalisation_record(simulation)
        record["versions"]["gymnasium"] = version("gymnasium")
    if _is_named(simulation):
        return record

    name = references.name_in_file(
        simulation.function,
        lambda value: isinstance(value, Simulation) and _is_same(value, simulation),
    )
    code = references.code_of(simulation.function, "a simulation", name)
    return {**record, "reference": code.reference, "sha256": code.sha256, "code": code.text}


def _is_named(simulation: Simulation) -> bool:
    """Whether a name alone finds this very simulation."""
    if isinstance(simulation, GymSimulation):
        return simulation.is_installed
    return is_bundled(simulation)


def _normalisation_record(simulation: GymSimulation) -> dict[str, list[float]] | None:
    """How an environment's observations are scaled, so that no other machine measures it again."""
    normalisation = simulation.normalisation
    if normalisation is None:
        return None
    return {"mean": list(normalisation.mean), "deviation": list(normalisation.deviation)}


def _is_same(one: Simulation, other: Simulation) -> bool:
    """Whether two simulations are the same but for the values of their options."""
    if one.function is not other.function:
        return False
    # Options may change the spaces of an environment.
    if isinstance(one, GymSimulation):
        return True
    for field in fields(Simulation):
        is_equal = getattr(one, field.name) == getattr(other, field.name)
        if field.name != "options" and not is_equal:
            return False
    return True


def load_simulation(record: Mapping[str, Any]) -> Simulation:
    """The simulation that a record names, imported from this machine.

    Raises
    ------
    CodeChangedError
        Its file is missing, or is not the recorded one.
    ProblemError
        It cannot be imported, or is none.
    """
    reference, sha256, options = _recorded_fields(record)
    normalisation = _recorded_normalisation(record)
    if sha256 is None and reference.startswith(PREFIX):
        return gym_simulation(reference, options=options, normalisation=normalisation)
    if sha256 is None:
        return get_simulation(reference, **options)

    found = as_simulation(references.find_recorded(reference, sha256), reference)
    if isinstance(found, GymSimulation):
        return found.remade(options, normalisation)
    return found.with_options(**options)


def _recorded_fields(record: Mapping[str, Any]) -> tuple[str, str | None, Mapping[str, Any]]:
    """Reference, hash and options of a record, which may have come from anywhere."""
    reference = record.get("reference")
    sha256 = record.get("sha256")
    options = record.get("options")
    is_hash = sha256 is None or isinstance(sha256, str)
    if is_hash and isinstance(reference, str) and isinstance(options, Mapping):
        return reference, sha256, options
    raise _damaged("a reference, a hash and options")


def _recorded_normalisation(record: Mapping[str, Any]) -> Normalisation | None:
    """How observations are scaled; None where there is nothing to scale, and in older records."""
    recorded = record.get(NORMALISATION)
    if recorded is None:
        return None
    try:
        mean = tuple(float(value) for value in recorded["mean"])
        deviation = tuple(float(value) for value in recorded["deviation"])
    except (LookupError, TypeError, ValueError):
        raise _damaged("means and deviations of observations") from None
    return Normalisation(mean, deviation)


def _damaged(expected: str) -> ProblemError:
    return ProblemError(
        "The run's record of its simulation is damaged.",
        expected=expected,
        remedy="restore a backup of the store",
    )


def as_simulation(found: Any, reference: str) -> Simulation:
    """What was found under a reference, if it is a simulation. Raises `ProblemError`."""
    if isinstance(found, Simulation):
        return found
    raise ProblemError(
        f"{reference} is a {type(found).__name__}, not a simulation.",
        expected="a function under @shoal.simulation(inputs=..., outputs=...), or one to minimise, "
        "under @shoal.function(bounds=...)",
        remedy="write that line above the function",
    )


def load_simulation_problem(
    record: Mapping[str, Any], settings: SearchSettings
) -> SimulationProblem:
    """A recorded problem, in another process or at another time. Raises as `load_simulation`."""
    return SimulationProblem(load_simulation(record), settings)
