"""Every page of a run that solves a function, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import BrowserContext, Page, expect

import shoal
from shoal.functions.registry import get_function
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support import browser as chrome

pytestmark = pytest.mark.browser
SOON = 120_000  # milliseconds
BRIEF = {
    "population": 4,
    "generations": 2,
    "repeats": 2,
    "max_repeats": 2,
    "iterations": 20,
    "finalists": 2,
    "confirmations": 2,
    "workers": 1,
}
PLACE = Owner.here()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with two finished runs, whose supervisor's place is taken: nothing more is trained.

    The first has whole coordinates and constraints, the second one coordinate alone.
    """
    folder = tmp_path_factory.mktemp("function")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        with open_store(folder / "shoal.db") as store:
            shoal.search(get_function("pressure-vessel"), store=store, **BRIEF)
            shoal.search(get_function("sphere", dimensions=1), store=store, **BRIEF)
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


def test_each_page_speaks_of_the_value(page: Page, site: str, opened: Store) -> None:
    best = opened.generations(1)[-1].summary.best.hash

    page.goto(f"{site}/live?run=1")
    expect_words(
        page,
        "Function pressure-vessel: 2 coordinates in (1, 99), 2 in (10, 200).",
        "Value by generation",
        "Value, USD (smaller is better)",
    )

    seen = {
        "": "Value, USD (smaller is better)",
        f"evaluation?run=1&genome={best}": "Value (USD)",
        "evaluations?run=1": "Value at most",
        "swarm?run=1": "The same value as recorded",
        "swarm?run=2": "The same value as recorded",
        "matters?run=1": "Run 1: what matters",
        "model?run=1": "Run 1: the model",
        "compare?runs=1,2": "Another function",
    }
    for address, words in seen.items():
        page.goto(f"{site}/{address}")
        expect_words(page, words)
        expect(page.locator(".st-key-footer")).to_be_attached(timeout=SOON)
        page.wait_for_load_state("networkidle")

        text = page.get_by_test_id("stMain").inner_text()
        for absent in ("accuracy", "policy", "topology", "position scale", "activation"):
            assert absent not in text.lower(), (address, absent)

    # On Compare, with the last address: that chosen runs differ is no failure.
    expect(page.get_by_text("These scores cannot be compared")).to_be_visible()
    expect(page.locator(".st-key-problem")).to_have_count(0)


def test_the_champion_shows_the_best_point(page: Page, site: str, opened: Store) -> None:
    page.goto(f"{site}/champion?run=1")
    expect_words(page, "Best point", "of all trainings of the run", "whole number", "Upper bound")
    expect(page.get_by_role("button", name="Model")).to_be_visible()
    expect(page.get_by_role("button", name="Report")).to_be_visible()

    page.get_by_text("Copy the point").click()
    copied = page.locator(".st-key-copy-point")
    point = shoal.api.search_result(opened, 1).x
    assert point is not None
    expect(copied).to_contain_text(repr(float(point[2])), timeout=SOON)


def test_a_function_is_started_by_its_name(page: Page, site: str, opened: Store) -> None:
    page.goto(f"{site}/new")
    expect(page.get_by_role("combobox", name="Target column")).to_be_visible(timeout=SOON)
    page.get_by_text("A function", exact=True).click()
    expect(page.locator(".st-key-what")).to_contain_text("10 coordinates in (-5, 5)", timeout=SOON)
    page.get_by_role("spinbutton", name="Dimensions", exact=True).fill("4")
    page.get_by_role("spinbutton", name="Dimensions", exact=True).press("Enter")
    expect(page.locator(".st-key-what")).to_contain_text("4 coordinates", timeout=SOON)

    # While the form changes, the one of before is still there.
    bounds = page.get_by_text("Bounds and choices of the genes")
    expect(bounds).to_have_count(1, timeout=SOON)
    bounds.click()
    search = page.locator(".st-key-search")
    expect(search).to_contain_text("Informants", timeout=SOON)
    for absent in ("Hidden layers, at most", "Activation"):
        expect(search).not_to_contain_text(absent, timeout=SOON)

    expect(page.locator(".st-key-cost")).to_contain_text("evaluations at most", timeout=SOON)
    # A click goes beside a button that still moves.
    chrome.expect_done(page, SOON)
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))

    run = opened.runs()[0]
    assert run.kind == "function" and run.problem is not None
    assert (run.problem["reference"], run.problem["options"]) == ("sphere", {"dimensions": 4})
    assert run.settings == SearchSettings.parse({"preset": "function"}), (
        "the form records what the command line would"
    )
