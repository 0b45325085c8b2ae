"""Fixtures that several test files share, and how property tests draw their examples."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shoal.store import Store, open_store
from shoal.system.process import gc_paused
from support import child_forker, kernels, long_parts, postgres, property_tests

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

property_tests.register_profiles()

# What compiles the kernels, in the process that starts workers.
_COMPILERS: pytest.StashKey[kernels.Compilers] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before the plugins read their options."""
    property_tests.choose_profile(config)
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        config.stash[_COMPILERS] = kernels.start()
        config.add_cleanup(config.stash[_COMPILERS].end)


def pytest_report_header(config: pytest.Config) -> str:
    """The seed, if there is one."""
    return property_tests.header(config)


@pytest.hookimpl(tryfirst=True)  # before those that nobody asked for are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each slow test belongs to one part of `make test-long`, or nothing runs."""
    for item in items:
        long_parts.part_of(item)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage meanwhile, and never look at ten thousand tests again."""
    with gc_paused():
        found = yield
    gc.freeze()
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """A worker begins when the kernels are compiled: else it would compile its own."""
    lock = getattr(session.config, "workerinput", {}).get("kernels")
    if lock:
        kernels.wait(lock)
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker that is about to begin what it has to wait for."""
    compilers = node.config.stash.get(_COMPILERS, None)
    if compilers:
        node.workerinput["kernels"] = str(compilers.lock)


@pytest.fixture(autouse=True)
def own_main_module() -> Iterator[None]:
    """Streamlit's AppTest leaves its script as ``__main__``, which processes of later tests run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def forked_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users' code is looked at in processes that are forked; commands start them as users do."""
    child_forker.use_for_checks(monkeypatch)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """One private server for the session."""
    programs = postgres.binaries()
    if programs is None:
        reason = (
            "no PostgreSQL server is installed "
            "(looked for initdb in /usr/lib/postgresql/*/bin and on PATH)"
        )
        if os.environ.get("CI"):
            pytest.fail(reason + "; CI has to test both databases")
        pytest.skip(reason)

    with postgres.server(programs) as running:
        yield running


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> str:
    """A fresh place on a real PostgreSQL."""
    return postgres_server.new_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that does not exist yet, on each database in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "shoal.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A new store, on each database in turn."""
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A real browser. A page may take 30 s, or a file's own ``LOADING`` in milliseconds."""
    from playwright.sync_api import expect

    from support import browser as chrome

    program = chrome.chromium()
    if program is None:
        reason = f"no browser is installed (looked for {', '.join(chrome.NAMES)} on PATH)"
        if os.environ.get("CI"):
            pytest.fail(reason + "; CI has to test the page")
        pytest.skip(reason)
    expect.set_options(timeout=getattr(request.module, "LOADING", 30_000))
    with chrome.launched(program) as running:
        yield running
    expect.set_options(timeout=5_000)  # Playwright's own


@pytest.fixture(scope="module")
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """What the pages of a file share. Its cache above all: to load Streamlit takes a second."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context
