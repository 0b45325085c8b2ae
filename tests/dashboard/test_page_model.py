"""The model in a real browser: classes, numbers, a function."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import BrowserContext, Page, expect

import shoal
from shoal.functions.registry import get_function
from shoal.store import open_store
from support import browser as chrome
from support.champions import customers

pytestmark = pytest.mark.browser
SOON = 120_000  # milliseconds
_TINY = {"population": 2, "generations": 1, "repeats": 2, "iterations": 30, "baselines": False}
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) `:red[tick]` **b**"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("model")
    frame = customers(240).rename(columns={"noise": HOSTILE})
    with open_store(folder / "shoal.db") as store:
        classes = shoal.load_dataset(frame, "left", drop="paid", folds=1)
        shoal.search(classes, store=store, name=HOSTILE, **_TINY)
        numbers = shoal.load_dataset(frame.dropna(), "paid", drop="left", folds=1)
        shoal.search(numbers, store=store, **_TINY)
        shoal.search(get_function("sphere", dimensions=2), store=store, **_TINY)
        with chrome.dashboard(store, folder / "server.log") as url:
            yield url

    assert not re.search(r'File ".*[/\\]shoal[/\\]', (folder / "server.log").read_text())


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    with chrome.watched_page(window, SOON) as watched:
        watched.set_viewport_size({"width": 1280, "height": 1200})
        yield watched


def _open(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="The model")).to_be_visible(timeout=SOON)


def test_a_classifier_has_inputs_curves_and_a_threshold(page: Page, site: str) -> None:
    _open(page, f"{site}/model?run=1&column=plan&threshold=30")
    bars = page.locator(".st-key-inputs table.bars tbody tr")
    expect(bars).to_have_count(4, timeout=SOON)
    expect(page.locator(".st-key-inputs")).to_contain_text("95 % interval")
    expect(page.locator(".st-key-inputs")).to_contain_text("onerror")
    expect(page.locator(".st-key-model-tiles")).to_contain_text("ROC AUC")

    # Column and threshold stand in the address.
    expect(page.locator(".st-key-dependence")).to_contain_text("A dot is the mean prediction")
    decisions = page.locator(".st-key-decisions")
    expect(decisions).to_contain_text("above a probability of 30 %")
    for key in ("dependence-1", "roc-1", "pr-1", "thresholds-1", "calibration-1"):
        expect(page.locator(f".st-key-chart-{key}, .st-key-chart-fit-{key}")).to_be_visible()

    expect(page.locator(".st-key-network [data-testid=stVegaLiteChart]").first).to_be_visible()

    slider = decisions.get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    expect(decisions).to_contain_text("above a probability of 31 %")
    page.wait_for_url("**threshold=31**")
    tiles = page.locator(".st-key-threshold-tiles")
    expect(tiles).to_contain_text("Balanced accuracy")
    expect(tiles).to_contain_text("MCC")

    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(
        "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"
    )


def test_another_column_is_chosen_and_is_in_the_address(page: Page, site: str) -> None:
    _open(page, f"{site}/model?run=1")
    expect(page.locator(".st-key-inputs table.bars tbody tr")).to_have_count(4, timeout=SOON)
    page.locator(".st-key-dependence").get_by_role("combobox").click()
    page.get_by_role("option", name="since").click()
    page.wait_for_url("**column=since**")
    expect(page.locator(".st-key-dependence")).to_contain_text("tenths of the test rows")


def test_numbers_have_residuals_and_errors_by_range(page: Page, site: str) -> None:
    _open(page, f"{site}/model?run=2")
    expect(page.locator(".st-key-model-tiles")).to_contain_text("Mean absolute error")
    errors = page.locator(".st-key-errors-2-0")
    expect(errors).to_contain_text("An error is predicted - true.")
    expect(errors.locator("table.grid tbody tr")).not_to_have_count(0)


def test_a_function_has_no_model(page: Page, site: str) -> None:
    _open(page, f"{site}/model?run=3")
    expect(page.get_by_text("This run solves a function")).to_be_visible()
