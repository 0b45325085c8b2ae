"""The page in a real browser, on a real server, with a real supervisor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.summary import summarise
from shoal.dashboard.charts.leaderboard import leaderboard_data, repeats_data
from shoal.data import load_dataset
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support import browser as chrome
from support.fakes import HereExecutor
from support.processes import eventually

pytestmark = pytest.mark.browser
SOON, COMPILING = 30_000, 180_000  # milliseconds; the first training of a process compiles its code
HOSTILE = (
    "<img src=x onerror=alert(1)> [x](javascript:alert(1)) `:red[tick]` $x$ :smile: **b** "
    "www.example.com"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as patch, open_store(folder / "shoal.db") as store:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))  # the supervisor's log
        yield store


@pytest.fixture
def opened(place: Store) -> Store:
    """Without a run or a supervisor, whatever the test before has left."""
    chrome.end_supervisors(place)
    eventually(lambda: not place.supervisors())
    for run in place.runs():
        if run.state not in ("stopped", "finished"):
            place.command(run.id, "stop")
        place.delete(run.id)
    return place


@pytest.fixture(scope="module")
def site(place: Store) -> Iterator[str]:
    assert place.path is not None
    server_log = place.path.with_name("server.log")
    with chrome.dashboard(place, server_log) as url:
        yield url
    log = server_log.read_text()

    assert not re.search(r'File ".*[/\\]shoal[/\\]', log), (
        log
    )  # Streamlit's own, when a browser leaves early, is not ours
    assert "Fatal" not in log


@pytest.fixture
def page(window: BrowserContext, opened: Store, site: str) -> Iterator[Page]:
    with chrome.watched_page(window, SOON) as first:
        first.goto(site)
        yield first


def metric(page: Page, label: str) -> Locator:
    box = page.locator("dl.tiles > div").filter(has=page.get_by_text(label, exact=True))
    return box.locator("b")


def control(page: Page, label: str) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("button", name=label)


def fill(page: Page, **numbers: int) -> None:
    for label, value in numbers.items():
        page.get_by_role("spinbutton", name=label.capitalize()).fill(str(value))


def at_least(generations: int) -> re.Pattern[str]:
    """The text of a generation count of two digits or more, beyond ``generations`` < 10."""
    digits = "".join(str(d) for d in range(generations, 10))
    return re.compile(rf"^([{digits}]|\d\d+)$")


def test_a_run_from_the_first_form_to_its_stop(page: Page, opened: Store, site: str) -> None:
    expect(page.get_by_text("There is no run yet.")).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Start your first run").click()
    expect(page.get_by_role("heading", name="New run")).to_be_visible(timeout=SOON)
    page.get_by_text("classic", exact=True).click()
    expect(page.get_by_role("spinbutton", name="Generations", exact=True)).to_have_value(
        "100", timeout=SOON
    )
    fill(page, generations=200, population=4, iterations=20, repeats=1)
    page.get_by_role("button", name="Start run").dblclick()

    expect(page).to_have_url(re.compile(r"/live\?run=\d+$"), timeout=SOON)
    (run,) = opened.runs()
    heading = f"Run {run.id}"
    expect(page.get_by_role("heading", name=heading)).to_be_visible(timeout=SOON)
    expect(metric(page, "Generations")).to_have_text(at_least(1), timeout=COMPILING)
    drawn = page.locator(".st-key-chart svg.marks .mark-line path")
    expect(drawn.first).to_be_attached(timeout=SOON)
    before = drawn.last.get_attribute("d") or ""
    expect(metric(page, "Generations")).to_have_text(at_least(6), timeout=COMPILING)
    expect(drawn.last).not_to_have_attribute("d", before, timeout=SOON)
    for label in ("Best accuracy", "Average accuracy"):
        expect(metric(page, label)).to_have_text(re.compile(r"^-?\d+\.\d\d %$"))
    expect(metric(page, "Best repeats")).to_have_text(re.compile(r"^\d+$"))
    expect(page.get_by_role("heading", name="Best swarm parameters")).to_be_visible()
    expect(page.locator("dl.genes")).to_contain_text("Swarm size")
    page.get_by_text("Copy parameters").click()
    expect(page.get_by_test_id("stCode").first).to_contain_text("shoal.Genome(", timeout=SOON)
    (owner,) = opened.supervisors()

    second = page.context.new_page()
    second.goto(page.url)
    expect(second.get_by_role("heading", name=heading)).to_be_visible(timeout=SOON)
    assert [other.id for other in opened.runs()] == [run.id], (
        "neither a second click nor a second tab starts a second run"
    )
    assert opened.supervisors()[0].pid == owner.pid
    second.close()

    control(page, "Stop").click()
    expect(page.get_by_test_id("stMain").get_by_text("stopped", exact=True)).to_be_visible(
        timeout=SOON
    )
    expect(control(page, "Stop")).to_be_disabled()
    expect(control(page, "Resume")).to_be_enabled()
    reached = opened.run(run.id).generations
    page.reload()
    expect(page.get_by_role("heading", name=heading)).to_be_visible(timeout=SOON)
    expect(page.get_by_test_id("stMain").get_by_text("stopped", exact=True)).to_be_visible()
    expect(metric(page, "Generations")).to_have_text(str(reached))
    assert opened.run(run.id).state == "stopped"


def test_what_users_typed_is_shown_as_text(page: Page, opened: Store, site: str) -> None:
    dataset = replace(load_dataset("concrete", preset="classic"), name=HOSTILE)
    run_id, _ = opened.add_run(dataset, SearchSettings(preset="classic"), name=HOSTILE)
    opened.event(HOSTILE, "warning", run_id)
    page.goto(site)
    expect(page.locator(".st-key-active code")).to_have_text(HOSTILE, timeout=SOON)
    expect(page.locator("details.chosen summary")).to_have_text(f"Run {run_id} · {HOSTILE}")
    nothing_of_it_is_markup(page)
    page.locator(".st-key-active").get_by_role("link", name=f"Run {run_id}").click()
    expect(page.get_by_role("heading", name=f"Run {run_id}")).to_be_visible(timeout=SOON)
    expect(page.locator("header.run bdi")).to_have_text(HOSTILE)
    expect(page.locator(".st-key-grid-events")).to_contain_text(f"warning: {HOSTILE}")
    nothing_of_it_is_markup(page)

    control(page, "Stop").click()
    expect(page.get_by_test_id("stMain").get_by_text("stopped", exact=True)).to_be_visible(
        timeout=SOON
    )


def test_a_name_of_ten_thousand_characters_and_one_from_right_to_left(
    page: Page, opened: Store, site: str
) -> None:
    dataset = load_dataset("concrete", preset="classic")
    names = ("x" * 10_000, "\u202eesrever \u05e9\u05dc\u05d5\u05dd")
    first, _ = (
        opened.add_run(dataset, SearchSettings(preset="classic"), name=name)[0] for name in names
    )
    page.goto(site)
    expect(page.locator(".st-key-active code")).to_have_count(2, timeout=SOON)

    assert page.locator(f".st-key-run-{first}").bounding_box()["height"] < 200  # type: ignore[index]

    width = page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 1280, "a long name does not widen the page"

    page.goto(f"{site}/live?run={first}")
    expect(page.get_by_role("heading", name=f"Run {first}")).to_be_visible(timeout=SOON)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 1280


def nothing_of_it_is_markup(page: Page) -> None:
    for forbidden in ("img[src='x']", "a[href*='alert']", "a[href*='example.com']", ".katex"):
        expect(page.locator(forbidden)).to_have_count(0)


def test_a_run_that_is_not_there(page: Page, site: str) -> None:
    page.goto(f"{site}/live?run=<script>alert(1)</script>")
    expect(page.locator(".st-key-problem")).to_contain_text(
        "There is no run '<script>", timeout=SOON
    )


def finished(opened: Store, **settings: Any) -> int:
    """A run that has finished, in as little time as may be."""
    short = {
        "population": 4,
        "generations": 2,
        "iterations": 40,
        "finalists": 3,
        "confirmations": 2,
        "networks": 2,
    }
    run_id, _ = opened.add_run(
        load_dataset("concrete"), SearchSettings(**{**short, **settings}), name="small"
    )
    claim = opened.claim(Owner.here(), run_id)
    assert claim is not None

    assert Runner(opened, claim, make_executor=HereExecutor).drive() == "finished"

    return run_id


@pytest.fixture
def ended(opened: Store) -> int:
    return finished(opened)


def test_a_finished_run_on_every_page_of_it(
    page: Page, opened: Store, site: str, ended: int, tmp_path: Path
) -> None:
    page.goto(site)
    best = summarise(opened, ended).best
    assert best is not None
    eventually(lambda: len(chrome.table_cells(page)) == 1)
    address, name, state, score = chrome.table_cells(page)[0][:4]
    assert (address, name, state) == (f"live?run={ended}", "small", "finished")
    assert float(score) == pytest.approx(best.score, abs=0.005)
    sidebar = page.get_by_test_id("stSidebar")

    sidebar.get_by_role("link", name="Champion").click()
    expect(page.get_by_role("heading", name=f"Run {ended}: champion")).to_be_visible(timeout=SOON)
    expect(metric(page, "Search")).to_have_text(f"{best.accuracy:.2f} %")
    assert best.confirmation is not None
    expect(metric(page, "Confirmation")).to_have_text(f"{best.confirmation.accuracy:.2f} %")
    expect(page.locator("table.scores tr.highlight")).to_contain_text("Test")
    expect(page.locator("table.scores")).to_contain_text("Boosted trees")
    dots = page.locator(".st-key-chart svg.marks .mark-symbol.role-mark path")
    expect(dots.first).to_be_attached(timeout=SOON)
    frame = EvaluationTable(opened, opened.run(ended)).refresh()
    shown = repeats_data(frame, leaderboard_data(frame))
    drawn = shown[shown["counted"] | (shown["phase"] == "confirmation")]
    assert dots.count() >= len(drawn), "every repeat is a dot"

    sidebar.get_by_role("link", name="Live").click()
    generations = opened.run(ended).generations
    stripes = page.locator(".st-key-chart .pointer_marks line")
    expect(stripes).to_have_count(generations, timeout=SOON)
    page.locator(".st-key-chart svg.marks").hover()  # which waits until it has its size
    place = stripes.last.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(page.locator("#vg-tooltip-element")).to_contain_text(
        f"Generation{generations}Best", timeout=SOON
    )

    sidebar.get_by_role("link", name="Evaluations").click()
    expect(page.get_by_text(f"{len(frame.frame)} of {len(frame.frame)} trainings.")).to_be_visible(
        timeout=SOON
    )
    with page.expect_download() as taken:
        page.get_by_role("button", name="CSV", exact=True).click()
    taken.value.save_as(tmp_path / "taken.csv")
    table = pd.read_csv(tmp_path / "taken.csv")
    assert table["accuracy"].tolist() == frame.frame["score"].tolist(), (
        "to the bit, in the order of recording"
    )
    assert {"swarm_size", "hidden_layers", "seconds"} <= set(table.columns)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Parquet", exact=True).click()
    taken.value.save_as(tmp_path / "taken.parquet")
    assert (
        pd.read_parquet(tmp_path / "taken.parquet")["loss"].tolist() == frame.frame["loss"].tolist()
    )
    page.get_by_text("Confirm", exact=True).click()
    confirmed = int((frame.frame["repeat"] >= 10_000).sum())
    expect(page.get_by_text(f"{confirmed} of {len(frame.frame)} trainings.")).to_be_visible(
        timeout=SOON
    )

    sidebar.get_by_role("link", name="System").click()
    expect(page.get_by_text("every page of the file is sound")).to_be_visible(timeout=SOON)
    sidebar.get_by_role("link", name="Settings").click()
    expect(page.get_by_test_id("stText").get_by_text(str(opened.path), exact=True)).to_be_visible(
        timeout=SOON
    )


def test_a_finished_run_goes_on_with_more_and_is_deleted_by_its_name_only(
    page: Page, opened: Store, site: str
) -> None:
    ended = finished(opened, baselines=False)

    def chosen() -> Locator:
        """What can be done with the only run of the table, which is chosen for it."""
        eventually(lambda: len(chrome.table_cells(page)) == 1)
        chrome.expect_done(page, patience=SOON)
        chrome.choose_row(page, 0)
        panel = page.locator(".st-key-chosen-runs")
        expect(panel).to_contain_text(f"Run {ended}", timeout=SOON)
        return panel

    page.goto(site)
    panel = chosen()
    panel.get_by_role("tab", name="Delete").click()
    panel.get_by_role("textbox", name="to confirm").fill("delete")
    panel.get_by_role("button", name="Delete permanently").click()
    expect(panel).to_contain_text("Nothing was deleted", timeout=SOON)
    assert [run.id for run in opened.runs()] == [ended]
    panel.get_by_role("tab", name="Continue with more").click()
    panel.get_by_role("spinbutton", name="Generations in all").fill("3")
    panel.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(re.compile(rf"/live\?run={ended}$"), timeout=SOON)
    expect(metric(page, "Generations")).to_have_text("3", timeout=COMPILING)
    expect(page.get_by_test_id("stMain").get_by_text("finished", exact=True)).to_be_visible(
        timeout=COMPILING
    )

    page.get_by_test_id("stSidebar").get_by_role("link", name="Runs").click()
    panel = chosen()
    panel.get_by_role("tab", name="Delete").click()
    panel.get_by_role("textbox", name="to confirm").fill(f"delete {ended}")
    panel.get_by_role("button", name="Delete permanently").click()
    expect(page.get_by_text("There is no run yet.")).to_be_visible(timeout=SOON)
    assert opened.runs() == []
