"""Use the model in a real browser: a form, an upload, downloads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import BrowserContext, Page, expect

import shoal
from shoal.export import onnx_graph
from shoal.functions.registry import get_function
from shoal.store import open_store
from support import browser as chrome
from support.champions import customers

pytestmark = pytest.mark.browser
SOON = 120_000  # milliseconds
_TINY = {"population": 2, "generations": 1, "repeats": 2, "iterations": 30, "baselines": False}
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) `:red[tick]` **b**"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("use")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Customers; all who pay by the sun's light are unknown to the model."""
    return customers(240).rename(columns={"noise": HOSTILE})


@pytest.fixture(scope="module")
def result(folder: Path, frame: pd.DataFrame) -> shoal.SearchResult:
    with open_store(folder / "shoal.db") as store:
        data = shoal.load_dataset(frame, "left", drop="paid", folds=1)
        found = shoal.search(data, store=store, name=HOSTILE, **_TINY)
        shoal.search(get_function("sphere", dimensions=2), store=store, **_TINY)
    return found


@pytest.fixture(scope="module")
def site(folder: Path, result: shoal.SearchResult) -> Iterator[str]:
    with (
        open_store(folder / "shoal.db") as store,
        chrome.dashboard(store, folder / "server.log") as url,
    ):
        yield url
    assert not re.search(r'File ".*[/\\]shoal[/\\]', (folder / "server.log").read_text())


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    with chrome.watched_page(window, SOON) as watched:
        watched.set_viewport_size({"width": 1280, "height": 1200})
        yield watched


def _open(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Use the model")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize("place", ["champion", "use"])
def test_two_pages_give_the_graph_of_the_model(
    page: Page, site: str, folder: Path, place: str
) -> None:
    pytest.importorskip("onnx", reason="the extra shoal[onnx] is not installed")
    page.goto(f"{site}/{place}?run=1")
    button = page.get_by_role("button", name="ONNX", exact=True)
    expect(button).to_be_visible(timeout=SOON)
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "shoal-run-1.onnx"
    with open_store(folder / "shoal.db") as store:
        assert Path(download.value.path()).read_bytes() == onnx_graph(store, 1)


def test_a_form_and_a_file_are_predicted_as_in_python(
    page: Page, site: str, frame: pd.DataFrame, result: shoal.SearchResult, folder: Path
) -> None:
    _open(page, f"{site}/use?run=1")
    one = page.locator(".st-key-one-row")
    tiles = one.locator("dl.tiles")
    usage = one.get_by_role("spinbutton", name="usage")
    usage.fill("31.5")
    usage.press("Enter")
    plan = one.get_by_role("combobox", name=re.compile("plan"))
    plan.fill("platinum")
    plan.press("Enter")
    expect(one).to_contain_text("training has never seen platinum")

    since = one.get_by_role("group", name="since")
    row = {
        "usage": 31.5,
        "plan": "platinum",
        "since": "-".join(since.get_by_role("spinbutton").all_inner_texts()),
        HOSTILE: one.get_by_role("spinbutton", name="onerror").input_value(),
    }
    expected = result.predict_rows(row)
    expect(tiles).to_contain_text(str(expected.values[0]))
    expect(tiles).to_contain_text(f"{100 * expected.probabilities.max():.1f} %")
    expect(one.locator("table.bars tbody tr")).to_have_count(2)

    usage.fill("99")
    usage.press("Enter")
    expect(one).to_contain_text("99 is outside of what training had")
    one.get_by_role("button", name="The usual row again").click()
    expect(one).not_to_contain_text("outside of what training had")
    expect(one).not_to_contain_text("platinum")

    # A file, with what the model does not need, and a category that it does not know.
    file = folder / "new.csv"
    new = frame.head(30).assign(customer=[f"C{number}" for number in range(30)])
    new.loc[4, "plan"] = "platinum"
    new.to_csv(file, index=False, sep=";")
    rows = page.locator(".st-key-new-rows")
    rows.locator("input[type=file]").set_input_files(str(file))
    expect(rows).to_contain_text("30 rows", timeout=SOON)
    expect(rows).to_contain_text("1 cell with what training has never seen ('platinum')")
    rows.get_by_role("combobox").click()
    page.get_by_role("option", name="customer").click()
    page.keyboard.press("Escape")
    expect(rows.locator("table.grid thead")).to_contain_text("customer")
    with page.expect_download() as download:
        rows.get_by_role("button", name="Predictions").click()
    written = pd.read_csv(download.value.path())
    assert written["customer"].tolist() == new["customer"].tolist()
    assert written["row"].tolist() == list(range(2, 32))
    said = result.predict_rows(file).to_frame()
    pd.testing.assert_frame_equal(written[said.columns], said, check_dtype=False)

    with page.expect_download() as download:
        page.get_by_role("button", name="Test predictions").click()
    test = pd.read_csv(download.value.path())
    assert list(test.columns[:4]) == ["row", "actual", "prediction", "spread"]
    assert test["actual"].tolist() == frame["left"].iloc[test["row"] - 2].tolist()

    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(
        "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"
    )


def test_new_rows_have_an_encoding_of_their_own(
    page: Page, site: str, frame: pd.DataFrame, result: shoal.SearchResult, folder: Path
) -> None:
    _open(page, f"{site}/use?run=1")
    chrome.expect_done(page, SOON)
    file = folder / "cyrillic.csv"
    new = frame.head(20).assign(город=["Тула", "Уфа"] * 10)
    new.to_csv(file, index=False, encoding="cp1251")
    rows = page.locator(".st-key-new-rows")
    field = rows.get_by_role("textbox", name="File encoding")
    field.fill("cp-1251")
    field.press("Enter")
    chrome.expect_done(page, SOON)
    rows.locator("input[type=file]").set_input_files(str(file))
    expect(rows.locator(".st-key-problem")).to_contain_text("Did you mean 'cp1251'", timeout=SOON)

    field.fill("cp1251")
    field.press("Enter")
    chrome.expect_done(page, SOON)
    rows.locator("input[type=file]").set_input_files(str(file))
    expect(rows).to_contain_text("20 rows", timeout=SOON)
    rows.get_by_role("combobox").click()
    page.get_by_role("option", name="город").click()
    page.keyboard.press("Escape")
    expect(rows.locator("table.grid")).to_contain_text("Тула")
    expected = result.predict(file, file_encoding="cp1251")
    with page.expect_download() as download:
        rows.get_by_role("button", name="Predictions").click()
    assert pd.read_csv(download.value.path())["prediction"].tolist() == expected.tolist()


def test_what_is_no_table_of_the_model_says_why(page: Page, site: str, folder: Path) -> None:
    _open(page, f"{site}/use?run=1")
    rows = page.locator(".st-key-new-rows")
    for content, words in ((b"usage;plan\n1;basic\n", "column 'since' is missing"), (b"", "empty")):
        file = folder / "wrong.csv"
        file.write_bytes(content)
        rows.locator("input[type=file]").set_input_files(str(file))
        expect(rows.locator(".st-key-problem")).to_contain_text(words, timeout=SOON)
        expect(rows.locator(".st-key-problem")).to_contain_text("What to do")


def test_a_function_has_nothing_to_predict(page: Page, site: str) -> None:
    _open(page, f"{site}/use?run=2")
    expect(page.get_by_text("This run solves a function")).to_be_visible()
