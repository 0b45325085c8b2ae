"""The scene, the figures and the GIF of a swarm, without a browser."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("plotly", reason="the extra shoal[dashboard] is not installed")

from PIL import Image

from shoal.dashboard.charts.live_swarm import live_bounds, live_loss_chart, live_swarm_chart
from shoal.dashboard.charts.swarm import swarm_chart
from shoal.errors import ReplayError
from shoal.genome.genome import Genome
from shoal.objectives.registry import Metric
from shoal.presentation import gif
from shoal.presentation.palette import DARK, LIGHT
from shoal.presentation.shown_loss import shown_loss
from shoal.presentation.swarm_scene import LINKS, Bounds, Shades, scene, series
from shoal.pso.snapshot import SwarmSnapshot
from shoal.replay.recorder import Replay, Window

RANDOM = np.random.default_rng(5)
LOSS = shown_loss(None)
RETURN = Metric("score", "Score", "maximize", "return")


def frame(iteration: int, particles: int = 6, **changes: Any) -> SwarmSnapshot:
    losses = np.full(particles, np.inf) if iteration == 0 else RANDOM.uniform(0.1, 2.0, particles)
    neighbours = np.array(
        [[(i + n) % particles for n in (1, 2, 3)] for i in range(particles)], np.int32
    )
    made = SwarmSnapshot(
        iteration=iteration,
        positions=RANDOM.normal(size=(particles, 2)).astype(np.float32),
        bests=RANDOM.normal(size=(particles, 2)).astype(np.float32),
        losses=losses,
        best=int(np.argmin(losses)),
        informants=neighbours,
        diversity=3.0,
        at_velocity_limit=0.25,
        at_position_limit=0.5,
        stagnation=iteration,
        speed=0.1,
        current=RANDOM.uniform(0.1, 2.0, particles),
    )
    return replace(made, **changes)


def film(frames: list[SwarmSnapshot]) -> Replay:
    last = frames[-1]
    return Replay(
        genome=Genome(swarm_size=len(last.losses)),
        repeat=0,
        iterations=last.iteration,
        window=Window(),
        frames=tuple(frames),
        history=tuple((f.iteration, f.loss) for f in frames[1:]),
        loss=last.loss,
        loss_name="mse",
        recorded=last.loss,
        plane="principal",
        share=0.5,
    )


FILM = film([frame(i) for i in range(0, 40, 10)])


def test_a_scene_has_the_same_axes_and_colours_for_all_frames() -> None:
    drawn = scene(FILM.frames)
    assert drawn.iterations.tolist() == [0, 10, 20, 30]

    points = np.concatenate([drawn.positions, drawn.bests[1:]], axis=None).reshape(-1, 2)
    for axis, (low, high) in enumerate((drawn.bounds.x, drawn.bounds.y)):
        assert low < points[:, axis].min() and points[:, axis].max() < high
    assert drawn.standing

    lowest = np.unravel_index(drawn.losses.argmin(), drawn.losses.shape)
    assert drawn.shades[lowest] == 0 and drawn.shades.max() == 1

    order = np.argsort(drawn.losses, axis=None)
    assert (np.diff(drawn.shades.ravel()[order]) >= 0).all()


def test_what_a_particle_does_not_have_is_not_drawn() -> None:
    drawn = scene(FILM.frames)
    assert np.isnan(drawn.star[0]).all(), "before the first iteration nobody has a best"
    assert np.isnan(drawn.bests[0]).all()

    np.testing.assert_array_equal(drawn.star[2], FILM.frames[2].bests[FILM.frames[2].best])
    competitive = [
        replace(f, bests=f.positions, informants=f.informants[:, :0]) for f in FILM.frames
    ]
    assert scene(competitive).bests.shape == (4, 0, 2)
    assert scene(competitive).links.shape[1] == 0
    assert scene(competitive[1:2]).bests.shape == (1, 0, 2)

    lost = replace(FILM.frames[1], current=np.full(6, np.inf))
    assert (scene([lost]).shades == 1).all()


def test_links_lead_to_the_informants_and_are_never_too_many() -> None:
    drawn = scene(FILM.frames)
    links, seen = drawn.links[1], FILM.frames[1]
    assert len(links) == 18
    np.testing.assert_array_equal(links[4, 0], seen.positions[1])
    np.testing.assert_array_equal(links[4, 1], seen.positions[seen.informants[1, 1]])
    assert LINKS / 2 < scene([frame(1, particles=48)]).links.shape[1] <= LINKS


def test_losses_of_several_decades_are_shaded_by_their_logarithm() -> None:
    wide, narrow = Shades(0.01, 1.0, log=True), Shades(-2.0, 2.0, log=False)
    np.testing.assert_allclose(
        wide(np.array([0.01, 0.1, 1.0, 5.0, np.inf])), [0, 0.5, 1, 1, 1], atol=1e-6
    )
    np.testing.assert_allclose(narrow(np.array([-2.0, 0.0, np.nan])), [0, 0.5, 1], atol=1e-6)
    assert [text for _, text in wide.ticks(LOSS)] == ["0.01", "0.1", "1 +"]
    close = [text for _, text in Shades(0.0357612, 0.0357698, log=False).ticks(LOSS)]
    assert len(set(close)) == 3


def test_the_series_are_in_the_units_that_they_say() -> None:
    got = series(FILM.frames)
    assert got["iteration"].tolist() == [0, 10, 20, 30]
    assert np.isnan(got["loss"][0]) and got["loss"][1] == FILM.frames[1].losses.min()
    assert got["at_velocity_limit"][1] == 25.0 and got["at_position_limit"][1] == 50.0


def test_every_frame_moves_the_same_traces() -> None:
    figure = swarm_chart(FILM, revision="7")
    assert [f.name for f in figure.frames] == ["0", "10", "20", "30"]
    assert [step.label for step in figure.layout.sliders[0].steps] == ["0", "10", "20", "30"]
    assert figure.layout.uirevision == "7"

    named = [trace.name for trace in figure.data if trace.name]
    assert named == ["Informants", "Personal best", "Particle", "Global best"]
    assert figure.data[2].text[0] == "1" and len(figure.data[2].text) == len(figure.data[2].x)

    for n, moved in enumerate(figure.frames):
        assert list(moved.traces) == list(range(len(figure.data)))
        np.testing.assert_array_equal(moved.data[2].x, FILM.frames[n].positions[:, 0])
        assert moved.data[-1].x == (n,), "the dots on the series follow"

    still = [trace for trace in figure.frames[1].data if trace.x is None]
    assert len(still) == 6, "lines that only have to stay"


def test_a_long_film_of_a_usual_swarm_is_small() -> None:
    long = film([frame(i, particles=48) for i in range(120)])
    assert len(swarm_chart(long).to_json()) < 1_000_000


def test_light_and_dark() -> None:
    light, dark = swarm_chart(FILM), swarm_chart(FILM, dark=True)
    assert light.layout.font.color == LIGHT.text and dark.layout.font.color == DARK.text
    assert {t.marker.symbol for t in light.data if t.name in ("Personal best", "Global best")} == {
        "x-thin",
        "star",
    }


def test_the_live_axes_stay_while_they_can() -> None:
    now = replace(FILM.frames[1], positions=FILM.frames[1].bests)
    first = live_bounds(now, None)
    assert first == scene([now]).bounds
    assert live_bounds(now, first) == first

    near = replace(now, positions=now.positions * 0.9, bests=now.bests * 0.9)
    assert live_bounds(near, first) == first

    far = replace(now, positions=now.positions * 2)
    grown = live_bounds(far, first)
    assert grown.x[0] <= first.x[0] and grown.x[1] >= first.x[1] and grown != first

    converged = replace(now, positions=now.positions * 0.01, bests=now.bests * 0.01)
    assert live_bounds(converged, first) == scene([converged]).bounds

    figure = live_swarm_chart(now, first, revision="a")
    assert figure.layout.xaxis.range == first.x


def test_a_live_curve_shows_how_far_it_has_to_go() -> None:
    figure = live_loss_chart([(1, 3.0), (10, 0.1)], 500)
    assert figure.layout.xaxis.range == (0, 500) and figure.layout.yaxis.type == "log"
    assert live_loss_chart([], 0).layout.xaxis.range == (0, 1)


def test_bounds() -> None:
    both = Bounds((0, 1), (0, 1)) | Bounds((-1, 0.5), (0.2, 3))
    assert both == Bounds((-1, 1), (0, 3)) and both.area == 6


@pytest.mark.parametrize("dark", [False, True])
def test_a_gif_has_the_frames_in_the_theme(dark: bool) -> None:
    content = gif.gif(FILM, dark)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "GIF" and picture.n_frames == 4
        assert picture.size == (gif.WIDTH, gif.HEIGHT)
        assert picture.info["loop"] == 0
        corner = picture.convert("RGB").getpixel((2, 2))
        picture.seek(3)
        later = picture.convert("RGB")
        assert picture.info["duration"] == gif.LAST_MILLISECONDS

    assert isinstance(corner, tuple)
    assert sum(corner) < 150 if dark else sum(corner) > 700

    colours = {colour for _, colour in later.getcolors(100_000) or []}
    star = gif._rgb((DARK if dark else LIGHT).series[1])
    assert min(sum(abs(a - b) for a, b in zip(star, c, strict=True)) for c in colours) < 12, (
        "the star is there"
    )
    assert len(content) < 200_000


def test_a_gif_of_one_frame_and_of_many() -> None:
    with Image.open(io.BytesIO(gif.gif(film([frame(1), frame(2)])))) as picture:
        assert picture.n_frames == 2
    many = replace(FILM, frames=tuple(frame(i, particles=4) for i in range(gif.MOST_FRAMES + 30)))
    with Image.open(io.BytesIO(gif.gif(many))) as picture:
        assert picture.n_frames == gif.MOST_FRAMES


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gif, "find_spec", lambda name: None)
    with pytest.raises(ReplayError, match=r"pip install 'shoal\[dashboard\]'"):
        gif.gif(FILM)


def test_the_figure_survives_a_swarm_that_lost_itself() -> None:
    broken = np.full((6, 2), np.nan, np.float32)
    lost = [
        replace(f, positions=broken, losses=np.full(6, np.inf), current=np.full(6, np.inf))
        for f in FILM.frames
    ]
    json.loads(swarm_chart(film(lost)).to_json())
    gif.gif(film(lost))


def test_a_swarm_of_the_nearest_has_no_links_before_its_first_iteration() -> None:
    nobody = np.empty((6, 0), np.int32)
    drawn = scene([frame(0, informants=nobody), frame(1), frame(2)])
    assert np.isnan(drawn.links[0]).all() and np.isfinite(drawn.links[1:]).all()
    assert len(swarm_chart(film([frame(0, informants=nobody), frame(1)])).frames) == 2
    assert gif.gif(film([frame(0, informants=nobody), frame(1)]), dark=False).startswith(b"GIF89a")


def test_losses_that_are_scores_are_shown_as_scores() -> None:
    # Returns of 10 to 200, as losses.
    frames = [
        replace(f, losses=np.where(np.isinf(f.losses), np.inf, -100.0 * f.losses), steps=1000 * n)
        for n, f in zip((0, 10, 20, 30), FILM.frames, strict=True)
    ]
    frames = [replace(f, current=-100.0 * f.current) for f in frames]
    policies = replace(film(frames), metric=RETURN)
    drawn = scene(frames, RETURN)
    best_text, _, worst_text = (text for _, text in drawn.scale.ticks(drawn.shown))
    assert float(best_text) == pytest.approx(-drawn.losses.min(), rel=0.01)
    assert worst_text == f"≤ {-drawn.scale.high:.3g}"
    assert series(frames, RETURN)["loss"].iloc[-1] == pytest.approx(-frames[-1].loss)
    best = np.unravel_index(drawn.losses.argmin(), drawn.losses.shape)
    assert drawn.shades[best] == 0, "the best score has the colour of the lowest loss"

    figure = json.loads(swarm_chart(policies).to_json())
    texts = [note["text"] for note in figure["layout"]["annotations"]]
    assert texts[0] == "Best score"
    assert figure["layout"]["xaxis2"]["title"]["text"] == "Iteration, and simulated steps so far"
    assert figure["layout"]["xaxis2"]["ticktext"][-1] == "30<br>30,000"
    assert "Global best loss" in json.dumps(json.loads(swarm_chart(FILM).to_json()))

    live = live_loss_chart([(1, -3.0), (10, -30.0)], 500, metric=RETURN)
    assert list(live.data[0].y) == [3.0, 30.0]
    assert live.layout.yaxis.title.text == "Best score"
    assert gif.gif(policies)[:6] == b"GIF89a"
