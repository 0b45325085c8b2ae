"""The page of one genome in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, Page, expect

from shoal.analysis.evaluation_table import EvaluationTable
from shoal.analysis.lineage import Lineage, Relative
from shoal.data import load_dataset
from shoal.orchestration.runner import Runner
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support import browser as chrome
from support.fakes import HereExecutor

LOADING = SOON = 60_000  # milliseconds, on a busy machine
TRAINING = 120_000  # with a new process
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) `:red[tick]` $x$ :smile: **b**"
SMALL = SearchSettings.parse(
    {
        "population": 4,
        "generations": 4,
        "repeats": 2,
        "max_repeats": 8,
        "iterations": 10,
        "baselines": False,
    }
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    """Run 1: a finished search under a hostile name."""
    with open_store(tmp_path / "shoal.db") as store:
        run_id, _ = store.add_run(load_dataset("concrete"), SMALL, name=HOSTILE)
        claim = store.claim(Owner.here(), run_id)
        assert claim is not None
        assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
        yield store


@pytest.mark.browser
def test_a_genome_from_its_trainings_to_its_parents(
    chromium: Browser, opened: Store, tmp_path: Path
) -> None:
    run = opened.run(1)
    lineage = Lineage(run, EvaluationTable(opened, run).refresh())
    trained = [e.task.genome.hash for e in opened.evaluations(1) if e.status == "ok"]
    born = next(r for name in trained if (r := lineage.origin(name)) is not None and r.parents)

    with (
        chrome.dashboard(opened, tmp_path / "server.log") as site,
        chromium.new_context() as context,
    ):
        context.set_default_timeout(SOON)
        page = context.new_page()
        watched = chrome.Watched(page)
        page.goto(f"{site}/evaluation?run=1&genome={born.name[:10]}")
        expect(page.get_by_role("heading", name=f"Genome {born.name[:8]}")).to_be_visible(
            timeout=SOON
        )
        expect(page.locator("header.run bdi")).to_have_text(HOSTILE)
        expect(page.locator("dl.genes")).to_contain_text("Swarm size")
        _chooses_another_training(page, born.name)
        _adds_the_held_out_loss(page)
        _trains_it_again(page)
        _visits_a_parent(page, born)
        page.goto(f"{site}/evaluation?run=1&genome=<b>x</b>")
        expect(page.locator(".st-key-problem")).to_contain_text(
            "has trained no genome '<b>x</b>'", timeout=SOON
        )
        expect(page.get_by_text("The best genomes of the run")).to_be_visible()
        # Streamlit asks for two of its files beside a page's address, before it asks at the root.
        assert [error for error in watched.errors if "404" not in error] == []
        assert watched.abroad == []

    assert not re.search(r'File ".*[/\\]shoal[/\\]', (tmp_path / "server.log").read_text())


def _chooses_another_training(page: Page, name: str) -> None:
    command, button = (
        page.locator(".st-key-training").get_by_test_id("stCode"),
        page.get_by_text("Replay command"),
    )
    button.click()
    expect(command).to_contain_text(f"shoal replay 1 {name[:8]} 0 --store")
    chosen = page.locator(".st-key-training")
    expect(chosen).to_contain_text("Training 1:")
    chosen.get_by_role("radio", name="2", exact=True).click()
    expect(chosen).to_contain_text("Training 2:")
    expect(page).to_have_url(re.compile(r"repeat=1"))
    expect(command).to_contain_text(f"shoal replay 1 {name[:8]} 1 --store")
    for key in ("chart", "training"):
        expect(page.locator(f".st-key-{key} svg.marks path").first).to_be_attached()


def _adds_the_held_out_loss(page: Page) -> None:
    card = page.locator(".st-key-training")
    page.get_by_role("button", name="Add the held-out loss").click()
    expect(card).to_contain_text(
        "every recorded training loss was met to the bit", timeout=TRAINING
    )
    expect(card).to_contain_text("Held-out rows")
    expect(card.locator("svg.marks path").first).to_be_attached()


def _trains_it_again(page: Page) -> None:
    page.get_by_role("button", name="Train it again and look").click()
    expect(page.get_by_text("Its scores are exactly those recorded.")).to_be_visible(
        timeout=TRAINING
    )
    expect(page.locator(".st-key-fit svg.marks")).to_have_count(2)


def _visits_a_parent(page: Page, born: Relative) -> None:
    parent = born.parents[0]
    expect(page.locator(".st-key-graph a").filter(has_text=parent[:8])).to_have_attribute(
        "href", re.compile(parent)
    )
    page.locator(".st-key-kin-parents").get_by_role("link", name=parent[:8]).click()
    expect(page.get_by_role("heading", name=f"Genome {parent[:8]}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"genome={parent}"))
    children = page.locator(".st-key-kin-children")
    expect(children.get_by_role("link", name=born.name[:8])).to_be_visible()
