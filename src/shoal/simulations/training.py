"""A swarm looks for the weights of a policy.

In every iteration all particles act in the same scenarios, so that luck does not decide between
them. The next iteration has new ones, on which the personal bests act again: their scores are means
over all scenarios that they met, and a policy that was lucky once does not stay. A simulation
without randomness, and a training on a fixed set of scenarios, need none of that.

In the end the swarm's best few policies, and those that led it on the way, act in a validation set.
The best one is the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.errors import GenomeError, SettingsError, SimulationError
from shoal.genome.genome import Genome
from shoal.genome.presets import check_genome
from shoal.nn.network import Network
from shoal.numerics.philox import Key, Purpose
from shoal.objectives.decoders import Decode, Decoder
from shoal.pso.ask_tell import AskTell
from shoal.pso.swarm import LEAST_IMPROVEMENT, SwarmState, initial_positions, out_of_patience
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import Evaluator, PolicyScores, ScenarioSet

# Gets the swarm and the steps done, about ten times a second; keeps and changes no array. If it
# returns True, the training stops.
Observer = Callable[[SwarmState, int], bool | None]

_OBSERVED_SECONDS = 0.1
# The swarm's best policies that are compared in the end, and how often its leader joins them.
FINALISTS = 8
LEADERS = 16


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long a policy is trained, and on what.

    Attributes
    ----------
    iterations
        The training ends after so many.
    scenarios
        Scenarios of an iteration.
    fresh_scenarios
        Whether every iteration has new ones. If not, all have the same.
    validation_scenarios
        Scenarios on which the result is chosen.
    max_steps
        The training ends after the iteration that passes so many simulated steps.
    seconds
        It ends after so much wall time, too.
    patience
        It ends, too, when the best mean score improved by less than ``min_improvement`` of its size
        over so many iterations.
    horizon
        What changes with time comes to its end after so many iterations; None: after
        ``iterations``.
    min_improvement
        See ``patience``.

    Raises
    ------
    SettingsError
        For numbers that are not positive.
    """

    iterations: int = 200
    scenarios: int = 4
    fresh_scenarios: bool = True
    validation_scenarios: int = 64
    max_steps: int | None = None
    seconds: float | None = None
    patience: int | None = None
    horizon: int | None = None
    min_improvement: float = LEAST_IMPROVEMENT

    def __post_init__(self) -> None:
        for name in ("iterations", "scenarios", "validation_scenarios"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}={getattr(self, name)}.", expected="at least 1")
        for name in ("max_steps", "seconds", "patience", "horizon"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SettingsError(f"{name}={value}.", expected="more than 0, or none")


@dataclass(frozen=True, eq=False, slots=True)
class PolicyTraining:
    """What a training leaves.

    Attributes
    ----------
    network
        The policy's topology.
    weights : ndarray of float32, (D,)
        Of the policy that did best in validation; decoded.
    score
        Its mean score in the set that it is scored on, in the simulation's unit and direction.
    scores : ndarray of float64, (S,)
        Its score in each scenario of that set.
    training_score
        The best mean score of the swarm in training.
    loss
        The best mean score of the swarm as a loss, weight decay included.
    history : ndarray of float64, (iterations,)
        The best mean score after each iteration, as a loss.
    steps_by_iteration : ndarray of int64, (iterations,)
        Simulated steps up to the end of each iteration.
    episodes, steps
        What the swarm simulated.
    validation_episodes, validation_steps
        What the choice in the end simulated.
    seconds
        Wall time.
    complete
        False if the observer stopped it.
    """

    network: Network
    weights: NDArray[np.float32]
    score: float
    scores: NDArray[np.float64]
    training_score: float
    loss: float
    history: NDArray[np.float64]
    steps_by_iteration: NDArray[np.int64]
    episodes: int
    steps: int
    validation_episodes: int
    validation_steps: int
    seconds: float
    complete: bool = True

    @property
    def iterations(self) -> int:
        """Iterations done."""
        return len(self.history)


def policy_network(simulation: Simulation, genome: Genome) -> Network:
    """The topology of a genome's policies.

    Raises
    ------
    GenomeError
        Its output layer is to be solved.
    """
    if genome.solves_readout:
        raise GenomeError(
            'readout="solved" for a policy, which has no targets that its output layer could be '
            "fitted to.",
            expected='readout="searched"',
            remedy="leave it out",
        )
    layers = simulation.input_count, *genome.hidden_layers, simulation.outputs
    return Network(layers, genome.activation)


def train_policy(
    simulation: Simulation,
    genome: Genome,
    key: Key,
    plan: TrainingPlan,
    *,
    decoder: Decoder | None = None,
    validation: ScenarioSet | None = None,
    scored_on: ScenarioSet | None = None,
    threads: int = 1,
    observer: Observer | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> PolicyTraining:
    """Train one policy by one swarm.

    Parameters
    ----------
    simulation
        What it acts in.
    genome
        The swarm and the hidden layers.
    key
        The random stream of the swarm and of its scenarios.
    plan
        Its length and its scenarios.
    decoder
        Makes of positions the policies that act; None: a position is a policy.
    validation
        The set on which the result is chosen among the swarm's candidates; None: that of ``key``.
        Trainings that are compared share one.
    scored_on
        The set on which the result is scored; None: the validation set, where it did best of a
        few, a little by luck.
    threads
        They share the particles, and change no bit.
    observer
        See `Observer`.
    clock
        Seconds.

    Raises
    ------
    GenomeError
        If ``genome`` is none.
    SimulationError
        If the simulation raises, returns no number, or if no policy ever had a finite score.
    """
    check_genome(genome)
    start = clock()
    network = policy_network(simulation, genome)
    with Evaluator(simulation, network, threads) as evaluator:
        run = PolicyTrainer(evaluator, genome, key, plan, decoder)
        complete = run.train(observer, start, clock)

        if not np.isfinite(run.swarm.best_loss):
            raise SimulationError(
                f"No policy ever had a finite score in the simulation {simulation.name}.",
                expected="a number that is not NaN or infinite, for some policy",
                remedy="look at the function's score in plain Python: simulation(policy, scenario)",
            )
        validation = validation or ScenarioSet(key, Purpose.VALIDATION_SCENARIO)
        weights, scores = run.choose(validation, scored_on)

    steps = np.array(run.steps, np.int64)
    return PolicyTraining(
        network=network,
        weights=weights,
        score=float(scores.mean()),
        scores=scores,
        training_score=run.training_score,
        loss=run.swarm.best_loss,
        history=run.swarm.history,
        steps_by_iteration=steps,
        episodes=run.episodes,
        steps=int(steps[-1]),
        validation_episodes=run.validation_episodes,
        validation_steps=run.validation_steps,
        seconds=clock() - start,
        complete=complete,
    )


class PolicyTrainer:
    """A training under way, which goes on when it is told to.

    Parameters
    ----------
    evaluator
        Lets policies act. It stays open as long as the training goes on.
    genome, key, plan, decoder
        See `train_policy`.

    Attributes
    ----------
    swarm : AskTell
        The particles.
    steps : list of int
        Simulated steps up to the end of each iteration.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        genome: Genome,
        key: Key,
        plan: TrainingPlan,
        decoder: Decoder | None = None,
    ) -> None:
        self.evaluator = evaluator
        self.simulation = evaluator.simulation
        self.genome = genome
        self.plan = plan
        self.scenarios = ScenarioSet(key, Purpose.TRAINING_SCENARIO)
        # Whether a policy's score changes from iteration to iteration.
        self.noisy = plan.fresh_scenarios and not self.simulation.deterministic

        network = evaluator.network
        self._decode: Decode | None = None
        if decoder is not None:
            self._decode = decoder.bound_to(network)
        self.decayed = ~network.bias_mask()
        self.swarm = AskTell(
            genome,
            network.size,
            key,
            horizon=plan.horizon or plan.iterations,
            positions=initial_positions(genome, network, key),
        )
        self.episodes = 0
        self.steps: list[int] = []
        self.validation_episodes = 0
        self.validation_steps = 0
        self.leaders: list[NDArray[np.float32]] = []

    def train(self, observer: Observer | None, start: float, clock: Callable[[], float]) -> bool:
        """Go on to the end of the plan; False if the observer stopped it."""
        plan = self.plan
        observed = start
        # A training that is repeated with a shorter, recorded length has the same leaders.
        every = max(1, self.swarm.horizon // LEADERS)

        while self.swarm.iteration < plan.iterations:
            self.iterate()
            done = self.swarm.iteration
            if done % every == 0:
                self.leaders.append(self.swarm.best_position)

            now = clock()
            if observer is not None and now - observed >= _OBSERVED_SECONDS:
                observed = now
                if observer(self.swarm.state(), self.steps[-1]):
                    return False
            if plan.max_steps is not None and self.steps[-1] >= plan.max_steps:
                break
            if plan.seconds is not None and now - start >= plan.seconds:
                break
            if plan.patience is not None:
                history = self.swarm.state().history
                if out_of_patience(history, done, plan.patience, plan.min_improvement):
                    break
        return True

    @property
    def training_score(self) -> float:
        """The best mean score in training, without weight decay."""
        best = self.decoded(self.swarm.best_position[None])
        return self.simulation.sign * (self.swarm.best_loss - float(self._decay(best)[0]))

    def choose(
        self, validation: ScenarioSet, scored_on: ScenarioSet | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Compare the candidates on the validation set: the best one's weights, and its scores."""
        order = np.argsort(self.swarm.best_losses, kind="stable")[:FINALISTS]
        finalists = list(self.swarm.best_positions[order])
        candidates = np.unique(self.decoded(np.stack([*finalists, *self.leaders])), axis=0)

        found = self._validate(candidates, validation)
        losses = self.simulation.sign * found.mean
        best = int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))
        scores = found.scores[best]
        if scored_on is not None:
            scores = self._validate(candidates[best : best + 1], scored_on).scores[0]

        if not np.isfinite(scores.mean()):
            raise SimulationError(
                f"No policy had a finite score in the validation of {self.simulation.name}.",
                expected="a number that is not NaN or infinite",
            )
        return candidates[best].copy(), scores

    def decoded(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """The policies (n, D) that positions (n, D) stand for."""
        if self._decode is None:
            return positions
        return self._decode(positions)

    def _validate(self, weights: NDArray[np.float32], scenarios: ScenarioSet) -> PolicyScores:
        count = 1 if self.simulation.deterministic else self.plan.validation_scenarios
        found = self.evaluator.scores(weights, scenarios, np.arange(count))
        self.validation_episodes += found.scores.size
        self.validation_steps += int(found.steps.sum())
        return found

    def iterate(self) -> None:
        """Let all particles act once, and move them."""
        swarm = self.swarm
        positions = swarm.ask()
        numbers = self._numbers()

        if not self.noisy:
            needed = swarm.needed
            losses = np.full(len(positions), np.inf)
            losses[needed] = self._act(positions[needed], numbers)
            swarm.tell(losses)
            return

        # Bests act again, where there are any; a particle that stands on its best acts once.
        known = np.isfinite(swarm.best_losses)
        apart = known & swarm.needed
        acting = np.where(swarm.needed[:, None], positions, swarm.best_positions)
        losses = self._act(np.concatenate([acting, swarm.best_positions[apart]]), numbers)

        again = losses[: len(positions)].copy()
        again[apart] = losses[len(positions) :]
        swarm.tell(losses[: len(positions)], reevaluated_bests=again)

    def _numbers(self) -> NDArray[np.int64]:
        """The scenarios of the next iteration."""
        if self.simulation.deterministic:
            return np.zeros(1, np.int64)

        numbers = np.arange(self.plan.scenarios)
        if self.plan.fresh_scenarios:
            numbers += self.swarm.iteration * self.plan.scenarios
        return numbers

    def losses_at(self, positions: NDArray[np.float32]) -> NDArray[np.float64]:
        """The losses at positions (P, D) in the first iteration's scenarios, (P,); +inf for NaN.

        Nothing of the training changes.
        """
        weights = self.decoded(positions)
        numbers = np.arange(1 if self.simulation.deterministic else self.plan.scenarios)
        found = self.evaluator.scores(weights, self.scenarios, numbers)
        losses = self.simulation.sign * found.mean + self._decay(weights)
        return np.where(np.isfinite(losses), losses, np.inf)

    def _act(
        self, positions: NDArray[np.float32], numbers: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The losses at positions in scenarios, weight decay included; counts what was done."""
        weights = self.decoded(positions)
        found = self.evaluator.scores(weights, self.scenarios, numbers)
        self.episodes += found.scores.size
        before = self.steps[-1] if self.steps else 0
        self.steps.append(before + int(found.steps.sum()))

        return self.simulation.sign * found.mean + self._decay(weights)

    def _decay(self, weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """What weight decay adds to the losses."""
        squares = weights[:, self.decayed].astype(np.float64) ** 2
        return np.asarray(self.genome.weight_decay * squares.sum(axis=1))
