"""Films of environments that draw themselves."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="the extra shoal[gym] is not installed")
pytest.importorskip("PIL", reason="the extra shoal[dashboard] is not installed")

import gymnasium
from PIL import Image
from typer.testing import CliRunner

from shoal.analysis.film import MOST_FRAMES, film_episode
from shoal.cli.main import app
from shoal.errors import SimulationError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose
from shoal.simulations.definition import Simulation
from shoal.simulations.evaluation import ScenarioSet
from shoal.simulations.registry import get_simulation
from shoal.simulations.trace import trace_episode

SCENARIOS = ScenarioSet((3, 4), Purpose.TEST_SCENARIO)
STEPS = 6


class Drawn(gymnasium.Env):  # type: ignore[misc]
    """A dot that walks by chance; its picture is as dark as the dot is far."""

    metadata: ClassVar = {"render_modes": ["rgb_array"]}
    observation_space = gymnasium.spaces.Box(-9.0, 9.0, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None, broken: bool = False) -> None:
        self.render_mode = render_mode
        self.broken = broken

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.steps = 0.0, 0
        return np.array([self.place], np.float32), {}

    def step(self, action: int) -> Any:
        self.place += self.np_random.normal() + action
        self.steps += 1
        seen = np.clip(np.array([self.place], np.float32), -9, 9)
        return seen, -abs(self.place), self.steps == STEPS, False, {}

    def render(self) -> Any:
        assert self.render_mode == "rgb_array"
        if self.broken:
            raise ImportError("pygame is not installed")
        return np.full((400, 640, 3), 40 * self.steps, np.uint8)


@pytest.fixture(autouse=True)
def environments() -> Iterator[None]:
    gymnasium.register("Drawn-v0", entry_point=Drawn, disable_env_checker=True)
    gymnasium.register(
        "Broken-v0", entry_point=Drawn, kwargs={"broken": True}, disable_env_checker=True
    )
    yield
    del gymnasium.registry["Drawn-v0"], gymnasium.registry["Broken-v0"]


def policy_of(simulation: Simulation) -> tuple[Network, np.ndarray]:
    network = Network((simulation.input_count, simulation.outputs), "tanh")
    return network, np.linspace(-1, 1, network.size, dtype=np.float32)


def test_a_film_has_a_picture_of_the_start_and_of_each_step() -> None:
    drawn = get_simulation("gym:Drawn-v0")
    network, weights = policy_of(drawn)
    film = film_episode(drawn, network, weights, SCENARIOS, number=2)

    assert [int(frame[0, 0, 0]) for frame in film.frames] == [40 * n for n in range(STEPS + 1)]
    same = trace_episode(drawn, network, weights, SCENARIOS, number=2)
    assert (film.score, film.steps) == (same.score, same.steps), "drawing changes no number"

    picture = Image.open(io.BytesIO(film.gif()))
    assert (picture.format, picture.size, picture.n_frames) == ("GIF", (320, 200), STEPS + 1)
    assert len(film.frames) <= MOST_FRAMES


def test_what_cannot_be_drawn_says_why() -> None:
    broken = get_simulation("gym:Broken-v0")
    with pytest.raises(SimulationError, match=r"cannot be drawn: pygame is not.*pip install"):
        film_episode(broken, *policy_of(broken), SCENARIOS)

    bundled = get_simulation("cartpole")
    with pytest.raises(SimulationError, match=r"cartpole draws no pictures.*gym:NAME"):
        film_episode(bundled, *policy_of(bundled), SCENARIOS)


def exported(folder: Path, simulation: Simulation) -> Path:
    """A folder as `shoal export` writes it, with a policy of no training."""
    network, weights = policy_of(simulation)
    about = {
        "format": 1,
        "kind": "policy",
        "simulation": simulation.name,
        "sha256": None,
        "options": {},
        "layers": list(network.layers),
        "activation": network.activation,
    }
    (folder / "model.json").write_text(json.dumps(about))
    np.savez(folder / "weights.npz", weights=weights[None])
    return folder


def test_play_writes_a_film(tmp_path: Path) -> None:
    folder = exported(tmp_path, get_simulation("gym:Drawn-v0"))
    file = tmp_path / "film.gif"
    done = CliRunner().invoke(app, ["play", str(folder), "--frames", str(file), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["frames"] == str(file)
    assert Image.open(io.BytesIO(file.read_bytes())).n_frames == STEPS + 1


def test_nothing_is_written_where_there_is_no_film(tmp_path: Path) -> None:
    folder = exported(tmp_path, get_simulation("gym:Broken-v0"))
    file = tmp_path / "film.gif"
    for place in (file, tmp_path / "missing" / "film.gif"):
        done = CliRunner().invoke(app, ["play", str(folder), "--frames", str(place)])
        assert done.exit_code != 0
        assert not place.exists()
    assert "pygame" not in sys.modules
