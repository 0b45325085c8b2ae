"""How quick are the pages with many evaluations, and what do viewers cost?

Measured in a real browser.

    python benchmarks/dashboard.py pages [--evaluations 100000] [--loads 12] [--store FILE]
                                         [--only live,champion]
    python benchmarks/dashboard.py runs [--runs 5000] [--loads 8] [--store FILE]
    python benchmarks/dashboard.py tabs [--tabs 20] [--minutes 10]

``pages``: a store with one large run (`bigstore`, which makes one beforehand for ``--store``) that
goes on recording while it is looked at. For each page, in a browser that was here twice before (its
profile keeps Streamlit's files and, from the second load on, what it compiled of them) and in one
with an empty cache: the time from the navigation until everything that stands in text is there and
the script has ended, and until every chart is drawn too; median and p95. Before each of these loads
but the last kind, a Streamlit page with one word on it is loaded: what no page can be below, and
how fast the machine was just then. For the pages that refresh by themselves, the time from the
request of a refresh to the last change of the document that belongs to it.

``runs``: the page Runs with many runs (`manyruns`, which makes a store of them beforehand for
``--store``), in a browser that was here twice before, with the page of one word before each load.

``tabs``: a real search, watched for so many minutes in turns: a minute with no tab open, then two
with so many on its pages. The ratio is that of the weights that the search moves in a second.
Search and server have one half of the cores, the browser has the other, as viewers' browsers run on
other machines; needs two cores and Linux.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import BrowserContext, Page, sync_playwright

from bigstore import SETTINGS, fill, pretended
from manyruns import fill as fill_runs
from shoal.dashboard.server.launch import address, free_port, wait_until_up
from shoal.data import load_dataset
from shoal.genome.genome import Genome
from shoal.orchestration.launcher import ensure_supervisor
from shoal.settings.search_settings import SearchSettings
from shoal.store import EVALUATION_COLUMNS, Owner, Store, open_store
from shoal.tuning.search import Search
from support import browser as chrome

PAGES = (
    "runs",
    "live",
    "champion",
    "model",
    "evaluations",
    "evaluation",
    "matters",
    "swarm",
    "compare",
    "new",
    "system",
    "settings",
)
REFRESHING = ("runs", "live")
VIEWPORT: Any = {"width": 1280, "height": 900}
# Loads of a page, not counted, after which a browser keeps its files and what it compiled of them.
KEPT = 2
WARM_SECONDS = 10.0  # the server reads the run before somebody asks
WORD = "import streamlit\n\nstreamlit.text('word')\n"
# At each frame: has the script ended, does its last text stand there, and is nothing missing but
# charts; and is then every chart drawn? The page itself notes when, in milliseconds since the
# navigation: who asks from outside asks twice a second.
LOADING = """(() => {
  const charts = '[class*="st-key-chart-"] ', missing = '[data-testid="stSkeleton"]';
  const isDrawn = chart => chart.querySelector('.main-svg, .marks');
  const frame = () => {
    const ended = document.querySelector(
      '[data-testid="stApp"][data-test-script-state="notRunning"]');
    const count = within => document.querySelectorAll(within + missing).length;
    if (!window.told && ended?.querySelector('.st-key-footer, [data-testid="stText"]')
        && count('') === count(charts))
      window.told = performance.now();
    if (window.told && !count('') && [...document.querySelectorAll(
      '[data-testid="stPlotlyChart"], [data-testid="stVegaLiteChart"]')].every(isDrawn))
      window.drawn = performance.now();
    else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})()"""
# Notes when the page asked for something, and when the document changed.
WATCH = """(() => {
  window.asked = []; window.changed = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function () {
    window.asked.push(performance.now());
    return send.apply(this, arguments);
  };
  const observer = new MutationObserver(() => window.changed.push(performance.now()));
  const everything = {subtree: true, childList: true, characterData: true, attributes: true};
  document.addEventListener(
    "DOMContentLoaded", () => observer.observe(document.body, everything));
})()"""


@contextmanager
def recording(store: Store, run_id: int) -> Iterator[None]:
    """The run goes on, ten evaluations a second, until the end of the block."""
    store.command(run_id, "resume")
    claim = store.claim(Owner.here(), run_id)
    assert claim is not None
    search = Search.replay(SearchSettings.parse(SETTINGS), store.evaluations(run_id, curves=False))
    ended = threading.Event()

    def go_on() -> None:
        waiting = list(search.ask())
        while not ended.wait(0.5):
            known = len(search.generations)
            told = [pretended(task) for task in waiting[:5]]
            for evaluation in told:
                search.tell(evaluation)
            waiting = waiting[5:] or list(search.ask())
            store.record(
                claim, told, search.generations[known:], seconds=0.06 * len(search.evaluations)
            )

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        store.release(claim, 1.0)


def p95(values: Sequence[float]) -> float:
    """The 95th percentile, by interpolation."""
    return (
        statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
    )


def opened(context: BrowserContext, where: str) -> tuple[Page, float, float]:
    """The page, and the milliseconds from the navigation until its texts were there and until its
    charts were.
    """
    page = context.new_page()
    page.add_init_script(LOADING)
    page.add_init_script(WATCH)
    page.goto(where, wait_until="commit")
    page.wait_for_function("() => window.drawn", timeout=120_000)
    told, drawn = page.evaluate("() => [window.told, window.drawn]")
    return page, told, drawn


@contextmanager
def one_word(folder: Path) -> Iterator[str]:
    """The address of the least page that Streamlit can serve."""
    script, port = folder / "word.py", free_port(chrome.HOST, 0)
    script.write_text(WORD)
    options = {
        "server.headless": "true",
        "server.port": str(port),
        "browser.gatherUsageStats": "false",
    }
    options |= {"server.address": chrome.HOST, "server.fileWatcherType": "none"}
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *arguments],
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until_up(process, address(chrome.HOST, port))
            yield address(chrome.HOST, port)
        finally:
            process.terminate()


def refreshes(page: Page, seconds: float) -> list[float]:
    """Milliseconds from each request of a refresh to the last change before the next one."""
    page.evaluate("() => { window.asked = []; window.changed = []; }")
    page.wait_for_timeout(1000 * seconds)
    asked, changed = page.evaluate("() => [window.asked, window.changed]")
    found = []
    for begin, end in pairwise(asked):
        within = [at for at in changed if begin < at < end]
        if within:
            found.append(max(within) - begin)
    return found


def pages(evaluations: int, loads: int, file: Path | None, places: Sequence[str]) -> None:
    """The first table."""
    with (
        tempfile.TemporaryDirectory() as name,
        open_store(file or Path(name) / "shoal.db") as store,
    ):
        folder = Path(name)
        os.environ["XDG_DATA_HOME"] = name
        if file is None:
            fill(store, evaluations)
        if len(store.runs()) == 1:
            fill(store, evaluations // 20, name="concrete, to compare with")
        run_id = max(store.runs(), key=lambda run: run.evaluations).id
        genome = store.evaluations(run_id, curves=False)[-1].task.genome.hash
        program = chrome.chromium()
        assert program is not None, "no browser is installed"
        with (
            recording(store, run_id),
            chrome.dashboard(store, folder / "log") as url,
            one_word(folder) as least,
            sync_playwright() as playwright,
        ):
            options: Any = {"executable_path": program, "args": list(chrome.ARGUMENTS)}
            known = playwright.chromium.launch_persistent_context(
                folder / "profile", **options, viewport=VIEWPORT
            )
            browser = playwright.chromium.launch(**options)
            time.sleep(WARM_SECONDS)
            print(f"{store.run(run_id).evaluations:,} evaluations\n")
            heads = (
                "page",
                "texts, ms: median, p95",
                "charts",
                "one word",
                "texts and charts with an empty cache",
                "refresh",
            )
            print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
            for place in places:
                where = f"{url}/{place}?run={run_id}&genome={genome}"
                cells, words, beats = [], list[float](), list[float]()
                for n in range(KEPT + 2 * loads):
                    context = known if n < KEPT + loads else browser.new_context(viewport=VIEWPORT)
                    if context is known:
                        page, _, word = opened(known, least)
                        page.close()
                        words.append(word)
                    page, told, drawn = opened(context, where)
                    cells.append((told, drawn))
                    if n == KEPT + loads - 1 and place in REFRESHING:
                        beats = refreshes(page, 60.0)
                    page.close()
                    if context is not known:
                        context.close()
                warm, empty = (
                    zip(*cells[KEPT : KEPT + loads], strict=True),
                    zip(*cells[KEPT + loads :], strict=True),
                )
                shown = [
                    *map(_shown, (*warm, words[KEPT:])),
                    "; ".join(map(_shown, empty)),
                    _shown(beats) if beats else "",
                ]
                print(f"| {place} | {' | '.join(shown)} |", flush=True)
            known.close()
            browser.close()


def many_runs(count: int, loads: int, file: Path | None) -> None:
    """The page Runs with so many of them."""
    with (
        tempfile.TemporaryDirectory() as name,
        open_store(file or Path(name) / "shoal.db") as store,
    ):
        folder = Path(name)
        os.environ["XDG_DATA_HOME"] = name
        if file is None:
            fill_runs(store, count)
        program = chrome.chromium()
        assert program is not None, "no browser is installed"
        with (
            chrome.dashboard(store, folder / "log") as url,
            one_word(folder) as least,
            sync_playwright() as playwright,
        ):
            options: Any = {"executable_path": program, "args": list(chrome.ARGUMENTS)}
            known = playwright.chromium.launch_persistent_context(
                folder / "profile", **options, viewport=VIEWPORT
            )
            time.sleep(WARM_SECONDS)
            texts = []
            words = []
            for _ in range(KEPT + loads):
                page, _, word = opened(known, least)
                page.close()
                page, told, _ = opened(known, f"{url}/runs")
                page.close()
                texts.append(told)
                words.append(word)
            known.close()
        ratios = [told / word for told, word in zip(texts, words, strict=True)][KEPT:]
        print(
            f"{store.run_count():,} runs, ms: median, p95: {_shown(texts[KEPT:])} "
            f"(one word {_shown(words[KEPT:])}; ratio, median {statistics.median(ratios):.1f}); "
            f"load {os.getloadavg()[0]:.1f}"
        )


def _shown(milliseconds: Sequence[float]) -> str:
    return f"{statistics.median(milliseconds):.0f}, {p95(milliseconds):.0f}"


def tabs(count: int, minutes: int) -> None:
    """The second measurement."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "shoal.db") as store:
        os.environ["XDG_DATA_HOME"] = folder
        cores = sorted(os.sched_getaffinity(0))
        ours, theirs = cores[: len(cores) // 2], cores[len(cores) // 2 :]
        os.sched_setaffinity(0, ours)  # and with us whom we start
        settings = SearchSettings.parse(
            {"generations": 1000, "iterations": 300, "seed": 1, "workers": len(ours)}
        )
        run_id, _ = store.add_run(load_dataset("concrete"), settings)
        program = chrome.chromium()
        assert program is not None, "no browser is installed"
        with chrome.dashboard(store, Path(folder) / "log") as url:
            ensure_supervisor(store)
            while store.run(run_id).evaluations < 50:
                time.sleep(1.0)
            os.sched_setaffinity(0, theirs)
            with chrome.launched(program) as browser:
                ratios = []
                for turn in range(minutes // 2):
                    alone = _pace(store, run_id, 60.0)
                    context = browser.new_context()
                    for n in range(count):
                        page = context.new_page()
                        page.goto(
                            f"{url}/{('live', 'runs', 'swarm', 'champion')[n % 4]}?run={run_id}"
                        )
                    watched = _pace(store, run_id, 120.0)
                    context.close()
                    ratios.append(watched / alone)
                    print(
                        f"turn {turn + 1}: {alone:,.0f} million weights a second alone, "
                        f"{watched:,.0f} with {count} tabs",
                        flush=True,
                    )
            print(
                f"ratio, median {statistics.median(ratios):.3f} (lowest {min(ratios):.3f}, "
                f"highest {max(ratios):.3f})"
            )


def _pace(store: Store, run_id: int, seconds: float) -> float:
    """Millions of weights moved a second, by what was recorded meanwhile.

    Genomes differ in what an iteration costs.
    """
    problem = store.load_problem(run_id)
    last, begun = store.evaluation_rows(run_id)[-1][0], time.monotonic()
    time.sleep(seconds)
    rows, passed = store.evaluation_rows(run_id, last), time.monotonic() - begun
    genomes = map(Genome.from_dict, store.genomes([row[0] for row in rows]))
    iterations = EVALUATION_COLUMNS.index("iterations")
    moved = sum(
        genome.evaluations_per_iteration * problem.network(genome).size * row[iterations]
        for genome, row in zip(genomes, rows, strict=True)
    )
    return moved / passed / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("pages", "runs", "tabs"))
    parser.add_argument("--evaluations", type=int, default=100_000)
    parser.add_argument("--loads", type=int, default=12)
    parser.add_argument(
        "--only", type=lambda names: names.split(","), default=PAGES, metavar="PAGE,PAGE"
    )
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--store", type=Path, help="a store of bigstore.py, or of manyruns.py")
    parser.add_argument("--tabs", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=10)
    options = parser.parse_args()
    if options.what == "pages":
        pages(options.evaluations, options.loads, options.store, options.only)
    elif options.what == "runs":
        many_runs(options.runs, options.loads, options.store)
    else:
        tabs(options.tabs, options.minutes)
