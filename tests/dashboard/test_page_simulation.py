"""Every page of a run that solves a simulation, and the start of one, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import BrowserContext, Page, expect

import shoal
from shoal.problems.registry import usual_settings
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Owner, Store, open_store
from support import browser as chrome

pytestmark = pytest.mark.browser
SOON = 120_000  # milliseconds
BRIEF = {
    "population": 3,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "iterations": 3,
    "finalists": 2,
    "confirmations": 2,
    "validation_scenarios": 2,
    "test_scenarios": 4,
    "workers": 1,
}
PLACE = Owner.here()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a finished run, whose supervisor's place is taken: nothing more is trained."""
    folder = tmp_path_factory.mktemp("simulation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        with open_store(folder / "shoal.db") as store:
            shoal.search(get_simulation("lost-sales", periods=60), store=store, **BRIEF)
            assert store.reserve_supervisor(PLACE)
            yield store


@pytest.fixture(scope="module")
def site(opened: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("log") / "server.log"
    with chrome.site(opened, log) as url:
        yield url


@pytest.fixture
def page(window: BrowserContext, opened: Store) -> Iterator[Page]:
    # Renewed: its lease is shorter than this file.
    opened.register_supervisor(PLACE)
    with chrome.watched_page(window, SOON, deep=True) as watched:
        yield watched


expect_words = partial(chrome.expect_words, patience=SOON)


def test_each_page_speaks_of_its_score(page: Page, site: str, opened: Store) -> None:
    best = opened.generations(1)[-1].summary.best.hash

    page.goto(f"{site}/live?run=1")
    expect_words(
        page,
        "Simulation lost-sales: a policy observes 4 numbers and answers 1.",
        "Score by generation",
        "Best score",
        "Score, cost per period (smaller is better)",
    )
    expect(page.get_by_text("simulated steps each, on average")).to_be_visible(timeout=SOON)

    seen = {
        "": "Best score",
        f"evaluation?run=1&genome={best}": "Score (cost per period)",
        "evaluations?run=1": "Score at most",
        "swarm?run=1": "The same score as recorded",
        "matters?run=1": "Run 1: what matters",
        "model?run=1": "Run 1: the model",
        "compare": "nothing to compare",
    }
    for address, words in seen.items():
        page.goto(f"{site}/{address}")
        expect_words(page, words)
        expect(page.locator(".st-key-footer")).to_be_attached(timeout=SOON)
        page.wait_for_load_state("networkidle")

        text = page.get_by_test_id("stMain").inner_text()
        assert "accuracy" not in text.lower(), address
        assert "Test rows" not in text, address


def test_a_recorded_swarm_is_shown_by_its_scores(page: Page, site: str) -> None:
    page.goto(f"{site}/swarm?run=1")
    expect_words(page, "The same score as recorded")
    plot = page.locator(".js-plotly-plot")
    expect(plot).to_contain_text("Best score", timeout=SOON)
    expect(plot).to_contain_text("Score where it stands")
    expect(plot).to_contain_text("Iteration, and simulated steps so far")


def test_the_champion_shows_an_episode_of_its_policy(page: Page, site: str) -> None:
    page.goto(f"{site}/champion?run=1")
    expect_words(page, "Test, the policy that acts", "4 test scenarios, not used by the search")
    dots = page.locator(".st-key-test-episodes")
    expect(dots).to_contain_text("4 scenarios that nothing else has met", timeout=SOON)
    expect(dots).to_contain_text("A scenario of the test")
    expect(dots.get_by_test_id("stVegaLiteChart")).to_have_count(1)

    page.get_by_role("button", name="Let it act and look").click()
    episode = page.locator(".st-key-episode")
    expect(episode).to_contain_text("The first of the test's scenarios: 110 steps", timeout=SOON)
    expect(episode.get_by_test_id("stVegaLiteChart")).to_have_count(2)

    page.get_by_text("The worst", exact=True).click()
    expect(episode).to_contain_text("The worst of the test's scenarios: 110 steps", timeout=SOON)


def test_a_simulation_is_started_by_its_name(page: Page, site: str, opened: Store) -> None:
    page.goto(f"{site}/new")
    expect(page.get_by_role("combobox", name="Target column")).to_be_visible(timeout=SOON)
    page.get_by_text("A simulation", exact=True).click()
    expect(page.locator(".st-key-what")).to_contain_text("smaller scores, cost per period")
    page.get_by_role("spinbutton", name="Penalty", exact=True).fill("9")
    page.get_by_role("spinbutton", name="Penalty", exact=True).press("Enter")
    expect(page.locator(".st-key-cost")).to_contain_text("known once it has been run here")
    # A click goes beside a button that still moves.
    chrome.expect_done(page, SOON)
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))

    run = opened.runs()[0]
    assert run.kind == "simulation" and run.problem is not None
    assert run.problem["options"] == dict(get_simulation("lost-sales", penalty=9).options)
    assert run.settings == SearchSettings.parse(usual_settings(get_simulation("lost-sales"))), (
        "the form records what the command line would"
    )
