"""Golden values: results that must not change unless someone means them to.

`make golden` computes them anew and rewrites `tests/golden/values.json`; review its difference
before you commit it, as a changed value means that recorded runs no longer replay to the same bits.
Tests only read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np

from shoal.data import load_dataset
from shoal.genome.genome import Genome
from shoal.genome.search_space import SearchSpace
from shoal.nn.activations import ACTIVATIONS
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, derive_key, draws, normal_draws, normals, uniforms
from shoal.numerics.portable_math import cos_sin_turns, exp, log
from shoal.objectives.losses import LOSSES, MSE, Loss, Objective
from shoal.problems.base import evaluate
from shoal.problems.evaluation import result_hash
from shoal.problems.table import TableProblem
from shoal.pso.engines import Engine, get_engine
from shoal.pso.swarm import TrainingTask, initial_state
from shoal.settings.presets import RECORDED_VALUES
from shoal.settings.search_settings import SearchSettings
from shoal.tuning.operators import initial_genome, next_generation
from shoal.tuning.search import Search
from shoal.update_rules.informants import random_informants
from support.locations import TESTS

FILE = TESTS / "golden" / "values.json"
COMMAND = "make golden"


def hexes(values: Any) -> list[str]:
    """Floats to the bit."""
    return [float(v).hex() for v in np.ravel(values)]


def digest(*arrays: np.ndarray) -> str:
    """The bits of arrays."""
    return sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def philox_values() -> dict[str, Any]:
    key = derive_key(0, 0)
    return {
        "derive_key(0, 0)": list(key),
        "derive_key(2**63 - 1, 7)": list(derive_key(2**63 - 1, 7)),
        "uniforms": hexes(uniforms(key, Purpose.COGNITIVE, 3, 2, 5)),
        "normals": hexes(normals(key, Purpose.POSITION, 2, 5)),
        "normals bits": digest(normals(key, Purpose.VELOCITY, 50, 1001)),
        "draws": hexes(draws(key, Purpose.CROSSOVER, 2, 5, 6)),
        "normal_draws": hexes(normal_draws(key, Purpose.MUTATION_STEP, 2, 5, 6)),
        "informants": random_informants(Genome(swarm_size=6, num_informants=3), key, 4).tolist(),
    }


def elementary_values() -> dict[str, Any]:
    x = np.array([1e-300, 1e-5, 0.3, 0.7071, 1.0, 1.5, 2.0, 1e10, 1.7e308])
    turns = np.linspace(0, 1, 1000, endpoint=False)
    return {
        "log": hexes(log(x)),
        "exp": hexes(exp(np.array([-700.0, -3.3, -1e-9, 0.0, 0.5, 12.5, 700.0]))),
        "cos_sin_turns bits": digest(*cos_sin_turns(turns)),
    }


def genome_values() -> dict[str, Any]:
    wide = Genome(
        500,
        7,
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        (3, 1000),
        "gelu",
        "rewired",
        "position",
    )
    # Not all that the registries hold: a value that is added to them must change nothing here.
    chosen = {gene: RECORDED_VALUES[gene] for gene, _ in SearchSpace().categorical}
    space = SearchSpace().narrowed({}, chosen)
    key = (1, 2)
    rates = SearchSettings(population=5, mutation=0.5, max_repeats=3)

    first = [initial_genome(space, key, n) for n in range(5)]
    second = next_generation(space, rates, key, 1, first, [3.0, 1.0, 4.0, 1.0, 5.0])
    return {
        "hash of the defaults": Genome().hash,
        "hash of another": wide.hash,
        "first generation": [g.hash for g in first],
        "second generation": [g.hash for g in second],
    }


def cpu_training(activation: str, loss: Loss) -> str:
    """The bits of a short training on the CPU engine: the same with AVX2, AVX-512 or NEON."""
    random = np.random.default_rng(0)  # its bits are NumPy's promise for integers only
    x = (random.integers(-1000, 1000, (130, 5)) / 256).astype(np.float32)
    classes = 3 if loss.task == "classification" else 1
    y = (random.integers(0, 3, 130) / (1 if classes > 1 else 4)).astype(np.float32)
    genome = Genome(
        swarm_size=9, informant_strategy="nearest", hidden_layers=(7, 6), activation=activation
    )
    network = Network((5, *genome.hidden_layers, classes), activation)
    task = TrainingTask(genome, network, Objective(loss), x, y, (3, 4), 25)
    state = get_engine("cpu").advance(task, initial_state(task), 25)
    return digest(state.positions, state.best_positions, state.best_losses, state.history)


def solved_training(loss: Loss, hidden: tuple[int, ...], activation: str = "relu") -> str:
    """The same of a short training with solved output layers, and of a network that it found."""
    random = np.random.default_rng(0)
    x = (random.integers(-1000, 1000, (1050, 5)) / 256).astype(np.float32)
    classes = 3 if loss.task == "classification" else 1
    y = (random.integers(0, 3, 1050) / (1 if classes > 1 else 4)).astype(np.float32)
    genome = Genome(
        swarm_size=5,
        informant_strategy="ring",
        hidden_layers=hidden,
        activation=activation,
        readout="solved",
    )
    network = Network((5, *hidden, classes), activation)
    task = TrainingTask(genome, network, Objective(loss), x, y, (3, 4), 6)
    engine = get_engine("cpu")
    state = engine.advance(task, initial_state(task), 6)
    networks = engine.networks(task, state.best_positions)
    return digest(networks, state.best_positions, state.best_losses, state.history)


def cpu_values() -> dict[str, Any]:
    cases = [(a, MSE) for a in ACTIVATIONS] + [
        ("relu", loss) for loss in LOSSES.values() if loss != MSE
    ]
    plain = {
        f"{activation} {loss.name}": cpu_training(activation, loss) for activation, loss in cases
    }
    # Widths of one vector and of several, full and not, within a panel and beyond it.
    solved = {
        f"solved {hidden} {loss.name}": solved_training(loss, hidden)
        for loss in LOSSES.values()
        for hidden in ((3,), (16,), (7, 37), (64,), (150,))
    }
    return plain | solved | {"solved tanh": solved_training(MSE, (20,), "tanh")}


def search_values(engine: Engine | None = None) -> dict[str, Any]:
    """A small search on the bundled data: what `result_hash` promises, with any threads."""
    settings = SearchSettings(preset="classic", population=4, generations=2, iterations=20, seed=0)
    problem, engine = (
        TableProblem(load_dataset("concrete", preset="classic"), settings),
        engine or get_engine("cpu"),
    )
    search = Search(settings)

    while tasks := search.ask():
        for task in tasks:
            search.tell(evaluate(problem, task, engine))

    return {"evaluations": len(search.evaluations), "result_hash": result_hash(search.evaluations)}


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "philox": philox_values,
    "elementary": elementary_values,
    "genome": genome_values,
    "cpu": cpu_values,
    "search": search_values,
}


def check(name: str) -> None:
    """Fail, naming the command that refreshes the file, unless ``name`` has its recorded values."""
    recorded = json.loads(FILE.read_text())[name]
    actual = json.loads(json.dumps(CASES[name]()))
    wrong = [k for k in sorted({*recorded, *actual}) if recorded.get(k) != actual.get(k)]
    details = "\n".join(
        f"  {k}: recorded {recorded.get(k)!r}, now {actual.get(k)!r}" for k in wrong
    )

    assert not wrong, (
        f"{name}: not the golden values.\n{details}\n"
        "Recorded runs would not replay to the same bits. If that is "
        f"meant, run `{COMMAND}`, review the difference of {FILE.parent.name}/{FILE.name}, "
        "and say why in the commit."
    )


def differences(recorded: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    """What a refreshed file changes, a line each. Values that are new change no result."""
    lines = []
    for case in sorted({*recorded, *actual}):
        before = recorded.get(case, {})
        now = actual.get(case, {})
        for name in sorted({*before, *now}):
            if name not in before:
                lines.append(f"added: {case}, {name}")
            elif name not in now:
                lines.append(f"GONE: {case}, {name}")
            elif before[name] != now[name]:
                lines.append(f"CHANGED: {case}, {name}: recorded runs have other results")

    return lines


def main() -> None:
    """The script."""
    actual = json.loads(json.dumps({name: make() for name, make in CASES.items()}))
    for line in differences(json.loads(FILE.read_text()), actual):
        print(line)
    FILE.write_text(json.dumps(actual, indent=1) + "\n")


if __name__ == "__main__":
    main()
