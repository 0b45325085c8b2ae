"""The page Swarm in a real browser.

A recorded training is repeated, played and scrubbed; what trains now is followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, Page, expect

from shoal.data import load_dataset
from shoal.genome.genome import Genome
from shoal.problems.base import evaluate
from shoal.problems.evaluation import GenerationSummary, Task
from shoal.problems.table import TableProblem
from shoal.pso.engines import get_engine
from shoal.pso.snapshot import take_snapshot
from shoal.pso.swarm import initial_state
from shoal.settings.search_settings import SearchSettings
from shoal.store import Claim, Owner, RunningTraining, Store, open_store
from support import browser as chrome
from support.processes import eventually

pytestmark = pytest.mark.browser
LOADING = 120_000  # milliseconds; a process that replays loads first
GENOME = Genome(swarm_size=8, hidden_layers=(4,))
ITERATIONS = 30


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "shoal.db") as store:
        yield store


@pytest.fixture
def claim(opened: Store) -> Claim:
    """Run 1, in our hands, with two trainings on record."""
    settings = SearchSettings.parse({"preset": "classic", "iterations": ITERATIONS})
    problem = TableProblem(load_dataset("concrete", preset="classic"), settings)
    opened.add_run(problem.dataset, problem.settings)
    claim = opened.claim(Owner.here())
    assert claim is not None
    done = [evaluate(problem, Task(GENOME, repeat), get_engine()) for repeat in (0, 1)]
    opened.record(
        claim, done, [GenerationSummary(1, GENOME, done[0].accuracy, 2, done[0].accuracy, 2)], 1.0
    )
    return claim


@pytest.fixture
def page(chromium: Browser, opened: Store, claim: Claim, tmp_path: Path) -> Iterator[Page]:
    with (
        chrome.dashboard(opened, tmp_path / "server.log") as url,
        chromium.new_context(viewport={"width": 1280, "height": 1400}) as context,
    ):
        context.set_default_timeout(LOADING)
        first = context.new_page()
        watched = chrome.Watched(first)
        first.goto(url)
        first.get_by_role("link", name="Swarm").click()
        yield first
        assert watched.errors == []
        assert watched.abroad == []

    assert not re.search(r'File ".*[/\\]shoal[/\\]', (tmp_path / "server.log").read_text())


def places(page: Page) -> list[tuple[int, ...]]:
    """Where the particles are drawn, in pixels."""
    points = page.locator(".st-key-film .xy .trace.scatter").nth(2).locator("path.point")
    moves = points.evaluate_all("points => points.map(point => point.getAttribute('transform'))")
    return [
        tuple(round(float(number)) for number in re.findall(r"[-\d.]+", move)) for move in moves
    ]


def test_a_recorded_training_is_played_and_scrubbed(page: Page, opened: Store) -> None:
    expect(page.locator(".st-key-film .slider-group > text.slider-label")).to_have_text(
        "Iteration 0"
    )
    expect(page.get_by_text("as recorded")).to_be_visible()
    at_first = places(page)
    assert len(at_first) == 8

    rail = page.locator(".st-key-film .slider-rail-touch-rect")
    box = rail.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    now = page.locator(".st-key-film .slider-group > text.slider-label")
    expect(now).to_have_text(f"Iteration {ITERATIONS}")
    eventually(
        lambda: all(a != b for a, b in zip(at_first, places(page), strict=True))
    )  # every particle moved
    at_last = places(page)
    for series in range(2, 7):
        lines = page.locator(f".st-key-film .x2y{series} path.js-line")
        expect(lines.first).to_be_attached()

    page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 2)
    expect(now).to_have_text("Iteration 0")
    page.locator(".st-key-film .updatemenu-button").first.click()
    expect(now).to_have_text(f"Iteration {ITERATIONS}")
    eventually(lambda: places(page) == at_last)

    page.get_by_role("combobox", name="Repeat").click()
    page.get_by_role("option", name=re.compile("^1 ")).click()
    expect(page).to_have_url(re.compile(f"genome={GENOME.hash}&repeat=1"))
    expect(page.get_by_text("as recorded")).to_be_visible(timeout=LOADING)
    expect(page.locator(".st-key-film .slider-group > text.slider-label")).to_have_text(
        "Iteration 0"
    )
    assert places(page) != at_first
    with page.expect_download() as started:
        page.get_by_role("button", name="GIF").click()
    assert Path(started.value.path()).read_bytes().startswith(b"GIF89a")
    assert started.value.suggested_filename == f"run-1-{GENOME.hash}-1.gif"
    assert opened.run(1).evaluations == 2, "nothing was recorded"


CUT_OFF = """() => [...document.querySelectorAll(".st-key-chart-swarm-now")].flatMap(place => {
  const shown = place.querySelector(".plotclip rect")?.width.baseVal.value;
  const width = place.getBoundingClientRect().width;
  return Math.abs(width - shown - 72) > 2 ? [[shown, width]] : [];  // but for the margins
})"""


def test_what_trains_now_is_followed(page: Page, opened: Store, claim: Claim) -> None:
    problem = opened.load_problem(1)
    training, engine = problem.training(Task(GENOME, 2)), get_engine()
    state = initial_state(training)

    def note(iterations: int) -> None:
        """Be the run's owner, who says how far it is."""
        nonlocal state
        state = engine.advance(training, state, iterations)
        curve = tuple((i + 1, float(loss)) for i, loss in enumerate(state.history))
        seen = take_snapshot(training, state)
        opened.heartbeat(
            claim,
            1.0,
            [
                RunningTraining(
                    GENOME,
                    2,
                    1,
                    3,
                    "search",
                    worker="here:1",
                    iteration=state.iteration,
                    iterations=30,
                    seconds=1.0,
                    curve=curve,
                    frame=seen,
                )
            ],
        )

    note(5)
    page.get_by_text("What trains now", exact=True).click()
    expect(
        page.get_by_text("Search: generation 1, individual 4, repeat 2 · iteration 5 of 30")
    ).to_be_visible()
    points = page.locator(".st-key-film-now .trace.scatter").nth(2).locator("path.point")
    eventually(lambda: points.count() == 8 or note(0))
    eventually(lambda: page.evaluate(CUT_OFF) == [])
    before = points.first.get_attribute("transform") or ""
    note(10)
    expect(page.get_by_text("iteration 15 of 30")).to_be_visible()
    expect(points.first).not_to_have_attribute("transform", before)
    loss = page.locator("dl.tiles > div").filter(
        has=page.get_by_text("Global best loss", exact=True)
    )
    expect(loss.locator("b")).to_have_text(f"{state.history[-1]:.4g}")
    expect(page.get_by_text("As it is now.")).to_be_visible()
    opened.heartbeat(
        claim,
        1.0,
        [RunningTraining(GENOME, 3, 1, 3, "search", worker="here:1", iteration=0, iterations=30)],
    )  # too short for a look at it
    expect(page.get_by_text("repeat 3 · iteration 0 of 30")).to_be_visible()
    expect(
        page.get_by_text(
            "The last that was seen: Search: generation 1, individual 4, repeat 2, iteration 15."
        )
    ).to_be_visible()
    assert points.count() == 8
    opened.finish(claim, "stopped", seconds=1.0)
    expect(page.get_by_text("What trains now", exact=True)).to_have_count(0)
    expect(page.locator(".st-key-film")).to_be_visible(timeout=LOADING)
