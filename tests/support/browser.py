"""A real Chromium for the tests of the page, and a real dashboard for it to look at."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from shoal.dashboard.network_access import ServerAccess
from shoal.dashboard.server.launch import address, dashboard_process, free_port, wait_until_up
from shoal.store import Store

HOST = "127.0.0.1"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """The program of an installed Chromium or Chrome."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


# What a browser remembers that has seen the tour of a first visit (dashboard/server/page.js).
TOUR_SEEN = "localStorage.setItem('shoal-tour', 'closed')"


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """A browser whose contexts have seen the tour; those of `first_visit` have not."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        browser.on("context", _without_tour)
        try:
            yield browser
        finally:
            browser.close()


def _without_tour(context: BrowserContext) -> None:
    context.add_init_script(TOUR_SEEN)


@contextmanager
def first_visit(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A context of a browser that was never here. ``options`` are those of `new_context`."""
    browser.remove_listener("context", _without_tour)
    try:
        context = browser.new_context(**options)
    finally:
        browser.on("context", _without_tour)
    with context:
        yield context


@contextmanager
def dashboard(
    store: Store, log: Path, access: ServerAccess | None = None, port: int | None = None
) -> Iterator[str]:
    """The address of a running dashboard. It ends with everything that its pages have started."""
    port = port or free_port(HOST, 0)
    url = address(HOST, port)
    with (
        log.open("wb") as errors,
        dashboard_process(store, HOST, port, errors, access) as process,
    ):
        try:
            wait_until_up(process, url)
            yield url
        finally:
            end_supervisors(store)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def end_supervisors(store: Store) -> None:
    """Ask them; but us, as a test may have taken a supervisor's place."""
    for supervisor in store.supervisors():
        with suppress(ProcessLookupError):
            if supervisor.pid != os.getpid():
                os.kill(supervisor.pid, signal.SIGTERM)


@contextmanager
def site(store: Store, log: Path) -> Iterator[str]:
    """The address of a dashboard that must not fail in code of ours."""
    with dashboard(store, log) as url:
        yield url
    assert not re.search(r'File ".*[/\\]shoal[/\\]', log.read_text()), log.read_text()


@contextmanager
def watched_page(window: BrowserContext, patience: int, deep: bool = False) -> Iterator[Page]:
    """A page that must neither report errors nor leave this machine.

    ``patience``: milliseconds that its parts may take. ``deep``: Streamlit, at an address below
    the site's, looks for its server below that address first, and may miss it: a 404.
    """
    with window.new_page() as page:
        page.set_default_timeout(patience)
        watched = Watched(page)
        yield page
        missed = [error for error in watched.errors if deep and "404 (Not Found)" in error]
        assert [error for error in watched.errors if error not in missed] == []
        assert watched.abroad == []


def expect_done(page: Page, patience: int) -> None:
    """Wait until the page has all its parts: what is still moving is missed by a click."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=patience)


def table_cells(page: Page, table: int = 0) -> list[list[str]]:
    """What Streamlit's table of that number shows, row by row, to those who cannot see its canvas.

    Addresses stand in place of links, and numbers as they are.
    """
    rows = page.get_by_test_id("stDataFrame").nth(table).locator("tbody tr")
    return [row.locator("td").all_text_contents() for row in rows.all()]


def choose_row(page: Page, row: int, table: int = 0) -> None:
    """Click the box at the left of a row of Streamlit's table, which is drawn on a canvas."""
    scroller = page.get_by_test_id("stDataFrame").nth(table).locator(".dvn-scroller")
    scroller.click(position={"x": 16, "y": 35 + 35 * row + 17})


def expect_words(page: Page, *words: str, patience: int) -> None:
    """Wait for each of some words: parts of a page arrive one by one, in no fixed order."""
    for word in words:
        expect(page.get_by_test_id("stMain")).to_contain_text(word, timeout=patience)


class Watched:
    """What a page did that it must not do: console errors, and requests that leave this machine."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.abroad: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # At an address such as /live, Streamlit looks for its server below it first: a 404.
        probing = "/_stcore/" in message.location["url"] and "404" in message.text
        # Vega warns of scales that have no ends, and of zeros on logarithmic ones.
        of_vega = message.type == "warning" and message.text.startswith("WARN")
        if of_vega or (message.type == "error" and not probing):
            self.errors.append(message.text)

    def _request(self, request: Request) -> None:
        here = (f"http://{HOST}:", f"ws://{HOST}:", "data:", f"blob:http://{HOST}:")
        if not request.url.startswith(here):
            self.abroad.append(request.url)
