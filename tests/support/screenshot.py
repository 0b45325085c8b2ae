"""Makes the pictures of docs/ anew, from real runs: `make pictures [ONLY=PAGE,PAGE]`.

The store is one of its own, or that of FILE: its last two finished runs, and its newest, which goes
on.

docs/dashboard.png is the live page; docs/pictures/pages/ has every page light, dark and as a
telephone shows it; docs/pictures/kinds/ has pages of the other kinds of problems, `ONLY=kinds`.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sklearn.datasets import load_breast_cancer

from shoal.analysis.summary import summarise
from shoal.api import search
from shoal.dashboard.routing import PLACES
from shoal.data import load_dataset
from shoal.functions.registry import get_function
from shoal.orchestration.launcher import ensure_supervisor
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.registry import get_simulation
from shoal.store import Store, open_store
from support import browser as chrome
from support.locations import ROOT

DOCS = ROOT / "docs"
FRONT = ("live", "light")  # which picture is docs/dashboard.png
LOOKS = {"light": (1280, 900), "dark": (1280, 900), "narrow": (400, 860)}
TALLEST_PREPARED = 2300
TALLEST = {"light": 1500, "dark": 1500, "narrow": 1700}
COLOURS = 200
MINUTES_5 = 300_000  # milliseconds

# The pictures of other kinds of problems.
KINDS = "kinds"
BRIEF = {"population": 6, "generations": 3, "workers": 2}


def runs(store: Store) -> None:
    """Two searches that have ended, by different samplers, and one that begins."""
    data = load_dataset("concrete")
    budget = {"population": 10, "generations": 4, "iterations": 100, "final_factor": 4}
    search(data, store=store, name="concrete, random search", sampler="random", **budget)
    search(data, store=store, name="concrete", **budget)
    settings = SearchSettings.parse(
        {"preset": "modern", "population": 12, "generations": 60, "iterations": 300, "seed": 3}
    )
    store.add_run(data, settings, name="concrete, a long search")


def ready(page: Page) -> None:
    """The script has run, and its charts are drawn; a replay has to be computed first."""
    expect(page.locator(".st-key-footer")).to_be_attached(timeout=MINUTES_5)
    chrome.expect_done(page, patience=MINUTES_5)
    if "/swarm?" in page.url:
        expect(page.get_by_test_id("stPlotlyChart").first).to_be_attached(timeout=MINUTES_5)
    if "/model?" in page.url:
        expect(page.locator("svg.marks").first).to_be_attached(timeout=MINUTES_5)
    for chart in page.get_by_test_id("stPlotlyChart").all():
        expect(chart.locator(".main-svg").first).to_be_attached(timeout=MINUTES_5)
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        expect(chart.locator(".marks")).to_be_attached(timeout=MINUTES_5)
    page.wait_for_timeout(1500)


def picture(
    browser: Browser, address: str, look: str, prepare: Callable[[Page], None] | None = None
) -> Image.Image:
    """One page in one look, as tall as it is, up to a limit; first ``prepare`` acts on it."""
    width, height = LOOKS[look]
    scheme = "dark" if look == "dark" else "light"
    with browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme
    ) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(address)
        ready(page)
        limit = TALLEST[look]
        if prepare is not None:
            prepare(page)
            ready(page)
            limit = TALLEST_PREPARED
            page.get_by_test_id("stMain").evaluate("element => element.scrollTo(0, 0)")
        tall = page.get_by_test_id("stMainBlockContainer").evaluate(
            "element => element.scrollHeight"
        )
        page.set_viewport_size({"width": width, "height": max(height, min(tall + 20, limit))})
        ready(page)
        return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def runs_of_kinds(store: Store) -> None:
    """Run 1, scorecards of a table; 2, a simulation; 3, a function; 4, a simulation that begins."""
    frame = load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    table = load_dataset(frame, "target", encoding="questions")
    card = {"decoder": "scorecard", "objective": "f1", "iterations": 100}
    search(table, store=store, name="breast cancer", **card, **BRIEF)
    search(get_simulation("lost-sales"), store=store, iterations=40, final_factor=2, **BRIEF)
    search(get_function("pressure-vessel"), store=store, iterations=100, **BRIEF)
    settings = SearchSettings.parse(
        {"preset": "simulation", "population": 8, "generations": 60, "iterations": 40}
    )
    store.add_run(get_simulation("pendulum"), settings)


def take_kinds(program: str) -> None:
    """Pages of a table with a decoder, of simulations, and of a function."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(Path(folder) / "shoal.db") as store,
    ):
        os.environ["XDG_DATA_HOME"] = folder
        runs_of_kinds(store)
        with (
            chrome.dashboard(store, Path(folder) / "server.log") as url,
            chrome.launched(program) as browser,
        ):
            store.command(4, "resume")
            ensure_supervisor(store)
            for name, address, prepare in (
                ("new-simulation", "new", partial(_choose, what="A simulation")),
                ("new-function", "new", partial(_choose, what="A function")),
                ("scorecard", "champion?run=1", ready),
                ("simulation", "champion?run=2", _let_it_act),
                ("function", "champion?run=3", ready),
                ("function-swarm", "swarm?run=3", ready),
                ("simulation-live", "live?run=4", _wait_for_episode),
            ):
                shown = picture(browser, f"{url}/{address}", "light", prepare)
                save(shown, DOCS / "pictures" / KINDS / f"{name}.png")
                print(f"{KINDS}, {name}", flush=True)
            store.command(4, "stop")


def _choose(page: Page, what: str) -> None:
    page.get_by_text(what, exact=True).click()
    expect(page.locator(".st-key-what")).to_contain_text("What is better", timeout=MINUTES_5)


def _let_it_act(page: Page) -> None:
    page.get_by_role("button", name="Let it act and look").click()
    expect(page.locator(".st-key-episode")).to_contain_text("steps, score", timeout=MINUTES_5)


def _wait_for_episode(page: Page) -> None:
    shown = page.locator(".st-key-acts").filter(has_text="in the first scenario of the search")
    expect(shown).to_be_visible(timeout=MINUTES_5)


def save(shown: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shown.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def take(only: set[str], file: Path | None) -> None:
    program = chrome.chromium()
    if program is None:
        sys.exit(f"No browser is installed (looked for {', '.join(chrome.NAMES)} on PATH).")
    if not only or KINDS in only:
        take_kinds(program)
    if only == {KINDS}:
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(file or Path(folder) / "shoal.db") as store,
    ):
        os.environ["XDG_DATA_HOME"] = folder  # the supervisor's log
        if file is None:
            runs(store)
        running = store.runs()[0].id
        ended, before = [run.id for run in store.runs() if run.state == "finished"][:2]
        best = summarise(store, ended).best
        assert best is not None
        with (
            chrome.dashboard(store, Path(folder) / "server.log") as url,
            chrome.launched(program) as browser,
        ):
            store.command(running, "resume")
            ensure_supervisor(store)
            page = browser.new_page()
            page.goto(f"{url}/live?run={running}")
            box = page.locator("dl.tiles > div").filter(
                has=page.get_by_text("Generations", exact=True)
            )
            shown = box.locator("b")
            expect(shown).to_have_text(re.compile(r"^([6-9]|\d\d+)$"), timeout=MINUTES_5)
            page.close()
            for place in PLACES:
                if only and place.name not in only:
                    continue
                address = f"{url}/{place.name}"
                if place.of_run:
                    address += f"?run={running if place.name == 'live' else ended}"
                if place.name in ("evaluation", "swarm"):
                    address += f"&genome={best.genome.hash}"
                if place.name == "compare":
                    address += f"?runs={before},{ended}"
                for look in LOOKS:
                    image = picture(browser, address, look)
                    if (place.name, look) == FRONT:
                        save(
                            image.crop((0, 0, 1280, min(image.height, 1150))),
                            DOCS / "dashboard.png",
                        )
                    save(image, DOCS / "pictures" / "pages" / f"{place.name}-{look}.png")
                    print(f"{place.name}, {look}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="pages, or kinds, separated by commas")
    parser.add_argument("--store", type=Path, help="an earlier store")
    options = parser.parse_args()
    take(set(filter(None, options.only.split(","))), options.store)
