"""What matters and Compare in a real browser, over searches on a fitness landscape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import BrowserContext, Page, expect

from shoal.genome.genome import Genome
from shoal.settings.search_settings import SearchSettings
from shoal.store import open_store
from support import browser as chrome
from support.landscape import searched

pytestmark = pytest.mark.browser
LOADING = SOON = 120_000  # milliseconds
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) `:red[tick]` **b**"


def hill(genome: Genome) -> float:
    """Best beyond the bound of the jump size."""
    return 80.0 + 8.0 * float(np.log10(genome.jump_size)) - 10.0 * abs(genome.inertia_weight - 0.7)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("analysis")
    small = {
        "population": 10,
        "generations": 4,
        "engine": "reference",
        "baselines": False,
        "finalists": 2,
    }
    with open_store(folder / "shoal.db") as store:
        for sampler in ("random", "genetic"):
            settings = {**small, "sampler": sampler, "bounds": {"jump_size": (0.01, 0.2)}}
            searched(store, SearchSettings.parse(settings), hill, name=HOSTILE)
        with chrome.dashboard(store, folder / "server.log") as url:
            yield url

    assert not re.search(r'File ".*[/\\]shoal[/\\]', (folder / "server.log").read_text())


@pytest.fixture
def page(window: BrowserContext, site: str) -> Iterator[Page]:
    with chrome.watched_page(window, SOON) as first:
        first.set_viewport_size({"width": 1280, "height": 1200})
        first.goto(site)
        expect(first.get_by_role("heading", name="Runs")).to_be_visible(timeout=SOON)
        yield first


def fits(page: Page, width: int) -> None:
    """It does as soon as its figures are drawn anew."""
    page.set_viewport_size({"width": width, "height": 1200})
    page.wait_for_function(
        "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"
    )


def test_what_matters_says_which_gene_and_offers_a_wider_search(page: Page) -> None:
    page.get_by_role("link", name="What matters").click()
    expect(page.get_by_role("heading", name="What matters")).to_be_visible(timeout=SOON)
    expect(page.locator(".st-key-alarm")).to_contain_text(
        re.compile(r"\d+ of the best 10 lies? on the upper bound of Jump")
    )
    expect(page.locator(".st-key-importance")).to_contain_text(
        re.compile(r"R² 0\.\d\d"), timeout=SOON
    )
    expect(page.locator(".st-key-importance table")).to_contain_text("Jump size", timeout=SOON)
    slices = page.locator(".st-key-slices svg.marks")
    expect(slices).to_have_count(3, timeout=SOON)
    # What arrives late would close the list of genes.
    chrome.expect_done(page, patience=SOON)
    page.wait_for_load_state("networkidle")
    page.get_by_text("Choose genes").click()
    page.get_by_role("combobox", name="Genes").click()
    page.get_by_role("option").nth(1).click()  # the first one takes all
    expect(slices).to_have_count(4, timeout=SOON)
    page.keyboard.press("Escape")
    page.get_by_text("Choose genes").click()
    expect(page.get_by_role("combobox", name="Genes")).to_have_count(0, timeout=SOON)
    chrome.expect_done(page, patience=SOON)
    page.get_by_text("Two genes at once").click()
    expect(page.locator(".st-key-pair .mark-rect path").first).to_be_attached(timeout=SOON)
    expect(slices).to_have_count(4)  # a closed part remembers
    expect(page.locator(".st-key-parallel .js-plotly-plot")).to_have_count(
        0
    )  # WebGL, and so only on demand
    expect(page.locator("img[src='x']")).to_have_count(0)
    expect(page.locator("header.run bdi")).to_have_text(HOSTILE)
    fits(page, 400)
    page.set_viewport_size({"width": 1280, "height": 1200})
    chrome.expect_done(page, patience=SOON)
    page.get_by_text("All together, genomes as lines").click()
    expect(page.locator(".st-key-lines .js-plotly-plot")).to_be_attached(timeout=SOON)
    page.get_by_role("button", name="Search again with wider bounds").first.click()
    expect(page).to_have_url(
        re.compile(r"/new\?like=2&widen=[a-z_]+%3A(upper|lower)$"), timeout=SOON
    )


def test_a_chart_is_saved_as_svg(page: Page) -> None:
    page.get_by_role("link", name="What matters").click()
    chart = page.locator(".st-key-slices").get_by_test_id("stVegaLiteChart").first
    expect(chart.locator("svg.marks")).to_be_visible(timeout=SOON)
    page.wait_for_load_state("networkidle")
    # At the edge of the window, where the toolbar above the chart would be out of reach.
    chart.evaluate("chart => chart.scrollIntoView({block: 'start'})")
    chart.hover()
    button = page.get_by_role("button", name="Download as SVG")
    with page.expect_download(timeout=SOON):
        button.click()
    with page.expect_download(timeout=SOON) as download:
        button.press("Enter")

    text = Path(download.value.path()).read_text()
    assert download.value.suggested_filename.endswith(".svg")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(words) > 3


def test_compare_shows_curves_tests_and_settings(page: Page) -> None:
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare")).to_be_visible(timeout=SOON)
    expect(page.locator(".st-key-curves .mark-line path").first).to_be_attached(timeout=SOON)
    expect(page.locator(".st-key-curves ul.legend li")).to_have_text(
        ["Run 2", "Run 1"], timeout=SOON
    )
    expect(page).to_have_url(re.compile(r"/compare\?runs=2%2C1$"))
    expect(page.locator(".st-key-tests .mark-text.role-mark text")).to_have_text(
        [re.compile(r"^run \d – run \d, accuracy on unused random streams$")], timeout=SOON
    )
    expect(page.locator("table.grid")).to_have_count(3, timeout=SOON)
    page.get_by_text("Active time", exact=True).click()
    expect(
        page.locator(".st-key-curves .role-axis-title text").filter(has_text="minutes")
    ).to_be_visible(timeout=SOON)
    expect(page.locator(".st-key-curves svg.marks")).to_have_count(1, timeout=SOON)
    expect(page.locator("img[src='x']")).to_have_count(0)
    fits(page, 400)
