"""From a churn table to a used model by the browser alone: how long does each step take?

    python benchmarks/churn_walk.py PICTURES [--budget quick] [--rows 2000] [--minutes 20]

What a first-time user does, by Playwright in a Chromium that was never here, at a dashboard over an
empty store: through the tour; *Runs*, *New run*; the table of `examples/churn_table.py` is
uploaded, its ID left out by the button beside the finding, the target and a budget chosen; the run
is started and watched on *Live* until it is finished; *Champion*; on *The model* the importance of
the columns, how predictions change with one of them, and another threshold; on *Use the model* one
row by the form, and a file of new rows whose predictions are downloaded.

Prints the seconds of each step, from the click to what was waited for, and the load average of the
machine before and after. Each step leaves a picture in the folder PICTURES, whole pages at 1280
pixels. Fails where a step does not come to its end within its patience, where the browser reports
an error or asks for anything outside this machine, or where the downloaded file does not have a
prediction for each uploaded row.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import pandas as pd
from churn_table import ROWS, churn_table
from playwright.sync_api import Browser, Page, expect

from shoal.settings.budgets import BUDGETS
from shoal.store import open_store
from support import browser as chrome

TARGET = "churned"
ID = "customer_id"
NEW_ROWS = 300
PATIENCE = 240_000  # milliseconds a part of a page may take: the machine may be loaded
VIEWPORT: Any = {"width": 1280, "height": 900}


class Steps:
    """Seconds and a picture of each step.

    Parameters
    ----------
    page
        The browser's page.
    folder
        Where the pictures go.
    """

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step, print it, and take a picture of where it ends."""
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun
        print(f"{self.seconds[name]:7.1f} s  {name}", flush=True)
        self.picture(name)

    def picture(self, name: str) -> None:
        """Take a picture of the whole page: its main part scrolls inside the window."""
        chrome.expect_done(self._page, PATIENCE)
        height = self._page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
        self._page.set_viewport_size(VIEWPORT | {"height": max(VIEWPORT["height"], height)})
        self._page.wait_for_function("document.querySelectorAll('[data-stale=true]').length === 0")
        number = len(list(self._folder.glob("*.png"))) + 1
        words = re.sub("[^a-z0-9_]+", "-", name.lower()).strip("-")
        self._page.screenshot(path=self._folder / f"{number:02}-{words}.png")
        self._page.set_viewport_size(VIEWPORT)


def close_tour(page: Page) -> None:
    """Through the tour of a first visit, step by step."""
    tour = page.locator("#tour")
    expect(tour).to_be_visible()
    buttons = tour.locator("button.next")
    while tour.is_visible():
        buttons.click()


def start_run(page: Page, steps: Steps, table: Path, budget: str) -> None:
    """From *Runs* to a started run."""
    with steps.step("Runs, the tour closed"):
        close_tour(page)
        expect(page.get_by_role("link", name="Start your first run")).to_be_visible()

    with steps.step("New run opened"):
        page.get_by_role("link", name="New run").first.click()
        expect(page.get_by_role("button", name="Start run")).to_be_visible()

    with steps.step("Table uploaded and checked"):
        page.get_by_text("Upload a file").click()
        page.locator("input[type=file]").set_input_files(table)
        named = page.locator("[class*='st-key-finding-']").filter(has_text=f"'{ID}'").first
        expect(named).to_be_visible()
        chrome.expect_done(page, PATIENCE)  # a click on what still moves goes astray

    with steps.step("ID left out, target and budget chosen, cost known"):
        named.get_by_role("button", name="Leave it out").click()
        expect(page.locator("[class*='st-key-finding-bad-']")).to_have_count(0)
        page.get_by_role("combobox", name="Target column").click()
        page.get_by_role("option", name=TARGET, exact=True).click()
        page.get_by_role("button", name=f"{budget.capitalize()}: {BUDGETS[budget].about}").click()
        chrome.expect_done(page, PATIENCE)
        expect(page.locator(".st-key-cost dl.tiles")).to_be_visible()

    with steps.step("Started, Live opened"):
        page.get_by_role("button", name="Start run").click()
        page.wait_for_url(re.compile(r"/live\?run=1$"))
        expect(page.locator(".badge").first).to_be_visible()


def watch(page: Page, steps: Steps, minutes: float) -> None:
    """*Live* until the run is finished, with a picture on the way, then *Champion*."""
    with steps.step("Run finished on Live"):
        expect(page.get_by_test_id("stMain")).to_contain_text("running", timeout=PATIENCE)
        expect(page.locator("[class*=st-key-chart-history-] svg.marks").first).to_be_visible(
            timeout=minutes * 60_000
        )
        steps.picture("Live while it runs")
        badge = page.get_by_test_id("stMain").locator(".badge").first
        expect(badge).to_have_text("finished", timeout=minutes * 60_000)
        champion = page.get_by_role("link", name="The champion: its scores")
        expect(champion).to_be_visible()

    with steps.step("Champion with all its charts"):
        champion.click()
        expect(page.get_by_role("heading", name="Run 1: champion")).to_be_visible()
        expect_charts(page)


def expect_charts(page: Page) -> None:
    """Wait until a page has ended and each of its charts is drawn."""
    chrome.expect_done(page, PATIENCE)
    boxes = page.locator("[class*='st-key-chart-']")
    expect(boxes.first).to_be_visible()
    page.wait_for_function(
        "[...document.querySelectorAll('[class*=\"st-key-chart-\"]')]"
        ".every(box => box.querySelector('.marks, .main-svg'))"
    )


def understand(page: Page, steps: Steps) -> None:
    """*The model*: its columns, one of them, and another threshold."""
    with steps.step("The model, importance of the columns"):
        page.get_by_role("link", name="The model", exact=True).click()
        expect(page.locator(".st-key-inputs table.bars tbody tr").first).to_be_visible()
        expect_charts(page)

    with steps.step("Predictions by tenure_months"):
        page.locator(".st-key-dependence").get_by_role("combobox").first.click()
        page.get_by_role("option", name="tenure_months").click()
        expect(page.locator(".st-key-dependence")).to_contain_text("tenure_months")
        expect_charts(page)

    with steps.step("Threshold moved to 40 %"):
        slider = page.locator(".st-key-decisions").get_by_role("slider")
        slider.focus()
        for _ in range(10):
            page.keyboard.press("ArrowLeft")
        expect(slider).to_have_value("40")
        page.wait_for_url(re.compile("threshold=40"))
        expect_charts(page)


def use(page: Page, steps: Steps, table: Path) -> Path:
    """*Use the model*: one row, then a file; the downloaded predictions."""
    with steps.step("Use the model opened"):
        page.get_by_role("link", name="Use the model", exact=True).click()
        one = page.locator(".st-key-one-row")
        expect(one.locator("dl.tiles")).to_be_visible()

    with steps.step("One row predicted"):
        share = one.locator("table.bars td.n").first
        before = share.inner_text()
        tenure = one.get_by_role("spinbutton", name="tenure_months")
        tenure.fill("2")
        tenure.press("Enter")
        expect(share).not_to_have_text(before)
        chrome.expect_done(page, PATIENCE)

    with steps.step(f"{NEW_ROWS} new rows predicted"):
        rows = page.locator(".st-key-new-rows")
        rows.locator("input[type=file]").set_input_files(table)
        expect(rows).to_contain_text(f"{NEW_ROWS} rows")
        chrome.expect_done(page, PATIENCE)
        keep = rows.get_by_role("combobox")
        keep.scroll_into_view_if_needed()  # scrolling closes a list of options
        keep.click()
        page.get_by_role("option", name=ID).click()
        page.keyboard.press("Escape")
        expect(rows.locator("table.grid thead")).to_contain_text(ID)

    with steps.step("Predictions downloaded"):
        with page.expect_download() as download:
            rows.get_by_role("button", name="Predictions", exact=True).click()
        return Path(download.value.path())


def check(written: pd.DataFrame, uploaded: pd.DataFrame, truth: pd.Series) -> str:
    """One prediction for each row, in order; in a sentence, how often they are right."""
    if written[ID].tolist() != uploaded[ID].tolist():
        raise SystemExit(f"{len(written)} predictions of {len(uploaded)} rows, or another order")
    said = written[TARGET] if TARGET in written else written["prediction"]
    right = (said.to_numpy() == truth.to_numpy()).mean()
    most = truth.value_counts(normalize=True).iloc[0]
    return (
        f"{len(written)} rows uploaded, {len(written)} predictions downloaded, in order; "
        f"{right:.1%} right where always {truth.mode()[0]!r} is {most:.1%}"
    )


def walk(browser: Browser, pictures: Path, budget: str, rows: int, minutes: float) -> None:
    """The whole walk, over a store of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # Rows that are neither searched nor tested: made at once, so that the ID goes on.
        whole = churn_table(rows + NEW_ROWS)
        table, later = whole.head(rows), whole.tail(NEW_ROWS)
        table.to_csv(folder / "churn.csv", index=False)
        new = later.drop(columns=TARGET)
        new.to_csv(folder / "new.csv", index=False)
        load = os.getloadavg()[0]
        print(f"{rows} rows, {os.cpu_count()} cores, load average {load:.1f}", flush=True)

        with (
            open_store(folder / "shoal.db") as store,
            chrome.site(store, folder / "server.log") as url,
            chrome.first_visit(browser, viewport=VIEWPORT, accept_downloads=True) as context,
        ):
            context.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            page = context.new_page()
            watched = chrome.Watched(page)
            steps = Steps(page, pictures)
            begun = time.monotonic()
            page.goto(url)
            start_run(page, steps, folder / "churn.csv", budget)
            watch(page, steps, minutes)
            understand(page, steps)
            written = use(page, steps, folder / "new.csv")
            took = time.monotonic() - begun
            print(check(pd.read_csv(written), new, later[TARGET]))

    print(f"{took:7.1f} s  all, with the pictures; load average {os.getloadavg()[0]:.1f}")
    if watched.errors or watched.abroad:
        raise SystemExit(f"errors {watched.errors}, requests to others {watched.abroad}")


def main() -> None:
    """Read the command line, and walk."""
    parser = argparse.ArgumentParser(description="From a churn table to a used model, in a browser")
    parser.add_argument("pictures", type=Path, help="a folder, made where it is not there")
    parser.add_argument("--budget", choices=list(BUDGETS), default="quick")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--minutes", type=float, default=20, help="that the search may take")
    arguments = parser.parse_args()
    program = chrome.chromium()
    if program is None:
        raise SystemExit("no Chromium or Chrome is installed")

    arguments.pictures.mkdir(parents=True, exist_ok=True)
    with chrome.launched(program) as browser:
        walk(browser, arguments.pictures, arguments.budget, arguments.rows, arguments.minutes)


if __name__ == "__main__":
    main()
