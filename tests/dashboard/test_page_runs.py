"""The page Runs in a real browser: many runs are searched, sorted, grouped, labelled, compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, Page, expect

from shoal.dashboard.pages.runs import ROWS
from shoal.data import load_dataset
from shoal.settings.search_settings import SearchSettings
from shoal.store import Store, open_store
from support import browser as chrome
from support.landscape import searched
from support.processes import eventually

pytestmark = pytest.mark.browser
SOON = 30_000  # milliseconds
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) `:red[tick]` **b**"
SMALL = {
    "population": 4,
    "generations": 2,
    "engine": "reference",
    "baselines": False,
    "finalists": 2,
    "confirmations": 2,
}
FIRST, SECOND, OTHER = 1, 2, 3


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two finished runs, and more than a page of stopped ones, of which one has another name."""
    folder = tmp_path_factory.mktemp("runs")
    with open_store(folder / "shoal.db") as store:
        for sampler in ("random", "genetic"):
            settings = SearchSettings.parse({**SMALL, "sampler": sampler})
            searched(store, settings, lambda genome: 80.0 - genome.jump_size, name=f"by {sampler}")
        dataset = load_dataset("concrete")
        for number in range(ROWS):
            name = HOSTILE if number == 0 else f"stopped {number}"
            run_id, _ = store.add_run(dataset, SearchSettings(), name=name)
            store.command(run_id, "stop")
        store.tag(FIRST, ["good"])
        yield store


@pytest.fixture(scope="module")
def site(store: Store) -> Iterator[str]:
    assert store.path is not None
    with chrome.site(store, store.path.with_name("server.log")) as url:
        yield url


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    with chrome.watched_page(window, SOON, deep=True) as page:
        yield page


def column(page: Page, number: int) -> list[str]:
    return [cells[number] for cells in chrome.table_cells(page) if len(cells) > number]


def expect_names(page: Page, *names: str) -> None:
    """Wait until the table shows these, in this order."""
    eventually(lambda: column(page, 1)[: len(names)] == list(names))


def test_what_the_table_shows_stands_in_the_address(page: Page, store: Store, site: str) -> None:
    page.goto(site)
    expect(page.get_by_text(f"1 to {ROWS} of {ROWS + 2} runs")).to_be_visible()
    expect(page).to_have_title("Runs · Shoal")
    expect_names(page, f"stopped {ROWS - 1}")

    page.get_by_role("button", name="Next").click()
    expect(page).to_have_url(re.compile(r"[?&]page=2"))
    expect_names(page, "by genetic", "by random")

    page.get_by_role("searchbox", name="Search").fill("BY")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 runs", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?&]q=BY"))
    page.get_by_role("combobox", name="Sort by").click()
    page.get_by_role("option", name="Name").click()
    expect(page).to_have_url(re.compile(r"[?&]sort=Name"))
    page.get_by_role("button", name="View").click()
    page.get_by_text("The other way round").click()
    expect_names(page, "by random", "by genetic")

    page.reload()
    chrome.expect_done(page, patience=SOON)
    expect_names(page, "by random", "by genetic")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("BY")

    page.goto(f"{site}/?tag=good&grouped=true")
    score = store.run(FIRST).best_score
    expect(page.get_by_text("1 run", exact=True)).to_be_visible()
    expect(page.locator(".st-key-group-0")).to_contain_text("concrete")
    expect(page.locator(".st-key-group-0")).to_contain_text(f"best {score:.2f} %")
    expect_names(page, "by random")
    assert float(column(page, 3)[0]) == pytest.approx(score, abs=0.005)

    page.goto(f"{site}/?state=failed")
    expect(page.get_by_text(f"None of {ROWS + 2} runs is like that.")).to_be_visible()


def test_runs_are_renamed_tagged_noted_and_archived(page: Page, store: Store, site: str) -> None:
    page.goto(f"{site}/?q=img")
    expect_names(page, HOSTILE)
    chrome.choose_row(page, 0)
    panel = page.locator(".st-key-chosen-runs")
    expect(panel.locator("code")).to_have_text(HOSTILE)
    expect(page.locator("img[src='x']")).to_have_count(0)

    panel.get_by_role("textbox", name="Name").fill("img, renamed")
    panel.get_by_role("textbox", name="Note").fill("Bounds were too narrow.")
    panel.get_by_role("combobox", name="Tags").fill("for Ada")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Save").click()
    eventually(lambda: store.run(OTHER).note == "Bounds were too narrow.")
    expect_names(page, "img, renamed")
    assert store.run(OTHER).tags == ("for Ada",)
    expect(panel.locator("code")).to_have_text("img, renamed")

    panel.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("is like that. 1 of them are archived")).to_be_visible()
    assert store.run(OTHER).archived is not None
    page.goto(f"{site}/?q=img&archived=true")
    expect_names(page, "img, renamed")
    chrome.choose_row(page, 0)
    panel.get_by_role("button", name="Take out of the archive").click()
    eventually(lambda: store.run(OTHER).archived is None)


def test_several_runs_are_tagged_and_compared(page: Page, store: Store, site: str) -> None:
    page.goto(f"{site}/?q=by&sort=Name")
    expect_names(page, "by genetic", "by random")
    chrome.choose_row(page, 0)
    panel = page.locator(".st-key-chosen-runs")
    expect(panel).to_contain_text("by genetic")
    chrome.expect_done(page, patience=SOON)
    chrome.choose_row(page, 1)
    expect(panel).to_contain_text("2 runs")

    panel.get_by_role("combobox", name="Tags to add").fill("pair")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Add tags").click()
    eventually(lambda: store.run(SECOND).tags == ("pair",))
    eventually(lambda: store.run(FIRST).tags == ("good", "pair"))

    panel.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(re.compile(r"/compare\?runs=2%2C1$"))
    expect(page).to_have_title("Compare · 2, 1 · Shoal")
    page.goto(f"{site}/champion?run={FIRST}")
    expect(page).to_have_title(f"Run {FIRST}: champion · by random · Shoal")
    page.goto(f"{site}/live?run=999")
    expect(page).to_have_title("Live · Shoal")


def test_evaluations_are_filtered_and_sorted_by_genes(
    page: Page, store: Store, site: str, tmp_path: Path
) -> None:
    """By the address alone, and what is taken away is what is shown."""
    genes = {e.task.genome.hash: e.task.genome for e in store.evaluations(FIRST)}
    rows = [e for e in store.evaluations(FIRST) if e.task.genome.inertia_weight >= 0.6]
    expected = sorted((e.task.genome.inertia_weight for e in rows), reverse=True)
    assert 0 < len(rows) < len(store.evaluations(FIRST))
    assert len({genome.inertia_weight for genome in genes.values()}) > 2

    weight = "Inertia+weight"
    page.goto(
        f"{site}/evaluations?run={FIRST}&show=Topology&by={weight}"
        f"&from-inertia_weight=0.6&order={weight}&take=As+shown"
    )
    count = len(store.evaluations(FIRST))
    expect(page.get_by_text(f"{len(rows)} of {count} trainings.")).to_be_visible()
    eventually(lambda: len(chrome.table_cells(page)) > 1)
    heads = page.get_by_test_id("stDataFrame").locator("thead th").all_text_contents()
    assert {"Topology", "Inertia weight"} <= set(heads)
    cells = chrome.table_cells(page)
    shown = [float(row[heads.index("Inertia weight")]) for row in cells]
    assert shown == pytest.approx(expected[: len(shown)], rel=1e-4)
    places = {(e.task.genome.hash, e.task.repeat): e.task.individual + 1 for e in rows}
    for row in cells:
        name = row[heads.index("Genome")].split("genome=")[-1]
        assert int(row[heads.index("Individual")]) == places[name, int(row[heads.index("Repeat")])]

    with page.expect_download() as taken:
        page.get_by_role("button", name="CSV", exact=True).click()
    taken.value.save_as(tmp_path / "taken.csv")
    table = pd.read_csv(tmp_path / "taken.csv")
    assert table["inertia_weight"].tolist() == expected
    assert {"hidden_layers", "accuracy"} <= set(table.columns)


def test_a_telephone_shows_all_of_it(chromium: Browser, site: str, tmp_path: Path) -> None:
    with chromium.new_context(viewport={"width": 400, "height": 860}) as context:
        page = context.new_page()
        page.goto(f"{site}/?q=by")
        expect_names(page, "by genetic", "by random")
        chrome.choose_row(page, 0)
        expect(page.locator(".st-key-chosen-runs")).to_contain_text("by genetic", timeout=SOON)
        chrome.expect_done(page, patience=SOON)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 400
