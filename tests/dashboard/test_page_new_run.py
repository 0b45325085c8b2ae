"""The form for a new run: its pure parts, and the page in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import BrowserContext, Locator, Page, expect

from shoal.dashboard.session.bounds_editor import (
    GENES,
    LATER,
    beyond,
    bounds_frame,
    bounds_of,
    usual_choices,
    widened,
)
from shoal.dashboard.session.new_run_draft import SHOWN
from shoal.data import load_dataset
from shoal.errors import SettingsError
from shoal.settings.search_settings import SearchSettings
from shoal.store import LEASE_SECONDS, Owner, Store, open_store
from support import browser as chrome

LOADING = SOON = 60_000  # milliseconds
ROWS = "".join(f"{i},{i % 7},{(i * 37) % 61}.5,{'yes' if i % 3 else 'no'}\n" for i in range(60))
HOSTILE = "<img src=x onerror=alert(1)>"
TABLE = f"id,{HOSTILE},amount,kind\n{ROWS}".encode()


# What needs no browser


@given(st.dictionaries(st.sampled_from(sorted(GENES)), st.tuples(st.floats(0, 1), st.floats(0, 1))))
@settings(max_examples=60, deadline=None)
def test_bounds_survive_the_table_that_is_edited(shares: dict[str, tuple[float, float]]) -> None:
    bounds = {}
    for name, pair in shares.items():
        gene = GENES[name]
        low, high = (gene.low + share * (gene.high - gene.low) for share in sorted(pair))
        if (low, high) != (gene.low, gene.high):
            bounds[name] = (float(low), float(high))

    frame = bounds_frame(bounds)
    assert bounds_of(frame) == bounds
    assert set(frame["gene"]) >= set(GENES) - set(LATER)
    assert bounds_of(bounds_frame({}, LATER)) == {}


def test_an_emptied_cell_means_the_limit() -> None:
    frame = bounds_frame({"swarm_size": (10, 40)})
    frame.loc[frame["gene"] == "swarm_size", "low"] = None
    assert bounds_of(frame) == {"swarm_size": (4, 40)}


def test_bounds_are_widened_to_their_limits_and_only_those_named() -> None:
    bounds = {"swarm_size": (10.0, 40.0), "jump_size": (0.1, 0.5), "inertia_weight": (0.0, 1.0)}
    found = widened("swarm_size:upper,jump_size:lower,inertia_weight:upper", bounds)
    assert found == {"swarm_size": (10, 200), "jump_size": (1e-4, 0.5)}
    assert bounds["swarm_size"] == (10, 40)
    for wrong in ("swarm_size:up", "size:upper", "activation:upper", ":", "swarm_size"):
        with pytest.raises(SettingsError, match="widen="):
            widened(wrong, bounds)


@pytest.mark.parametrize("preset", ["modern", "classic"])
def test_what_a_form_does_not_show_of_a_run_is_what_is_unusual(preset: str) -> None:
    plain = SearchSettings.parse(
        {"preset": preset, "iterations": 777, "population": 2, "bounds": {"swarm_size": (5, 9)}}
    )
    assert beyond(plain, SHOWN) == {}, "patience, elitism and such follow from what is shown"
    odd = SearchSettings.parse({"preset": preset, "mutation": 0.5, "loss": "mae"})
    assert beyond(odd, SHOWN) == {"mutation": 0.5, "loss": "mae"}
    for name, values in usual_choices(preset).items():
        assert set(dict(plain.space.categorical).get(name, values)) == set(values)


# The page


PLACE = Owner.here()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store whose supervisor's place is taken: nothing is trained here."""
    folder = tmp_path_factory.mktemp("newrun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        with open_store(folder / "shoal.db") as store:
            assert store.reserve_supervisor(PLACE)
            with _renewed(store):
                yield store


@contextmanager
def _renewed(store: Store) -> Iterator[None]:
    """Hold the supervisor's place: its lease is shorter than a test on a busy machine."""
    over = Event()

    def renew() -> None:
        while not over.wait(LEASE_SECONDS / 6):
            store.register_supervisor(PLACE)

    thread = Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def site(opened: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("log") / "server.log"
    with chrome.site(opened, log) as url:
        yield url


@pytest.fixture
def page(window: BrowserContext, site: str, opened: Store) -> Iterator[Page]:
    for run in opened.runs():
        opened.command(run.id, "stop")
        opened.delete(run.id)

    with chrome.watched_page(window, SOON, deep=True) as first:
        first.goto(f"{site}/new")
        expect(start(first)).to_be_visible()
        yield first


def start(page: Page) -> Locator:
    return page.get_by_role("button", name="Start run")


def number(page: Page, label: str) -> Locator:
    return page.get_by_role("spinbutton", name=label, exact=True)


def finding(page: Page, words: str) -> Locator:
    return page.locator("[class*='st-key-finding-']").filter(has_text=words)


def edit(page: Page, column: int, text: str) -> None:
    """Type into the first row of the table of bounds, by keyboard: columns from 0."""
    # The table is a drawing, so there is nothing to click that a browser could find, and it moves
    # while others are drawn.
    table = page.locator(".st-key-bounds [data-testid=stDataFrame]")
    table.locator("canvas").first.focus()
    for place in range(column + 1):
        cell = table.locator(f"#glide-cell-{place}-0")
        expect(cell).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowRight" if place < column else "Enter")

    page.locator("#portal input").fill(text)
    page.keyboard.press("Enter")
    expect(cell).to_have_text(text)


def test_the_bundled_table_starts_with_two_clicks_as_one_run(page: Page, opened: Store) -> None:
    expect(page.get_by_role("heading", name="New run")).to_be_visible()
    expect(page.locator(".st-key-cost")).to_contain_text("55 to 61")
    page.get_by_text("classic", exact=True).click()
    expect(number(page, "Generations")).to_have_value("100")  # each preset has fields of its own
    # A budget fills fields in, and stays away from what is typed over it afterwards.
    page.get_by_role("button", name="Quick").click()
    expect(number(page, "Generations")).to_have_value("50")
    expect(number(page, "Population")).to_have_value("6")
    for label, value in (("Generations", 7), ("Population", 4), ("Iterations", 20), ("Repeats", 1)):
        number(page, label).fill(str(value))
    page.get_by_role("textbox", name="Name").fill(HOSTILE)
    start(page).dblclick()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))
    (run,) = opened.runs()

    assert (run.settings.generations, run.settings.population, run.settings.iterations) == (
        7,
        4,
        20,
    )
    assert run.settings == SearchSettings.parse(
        {"preset": "classic", "generations": 7, "population": 4, "iterations": 20, "repeats": 1}
    ), "the form records what the command line would"
    assert run.name == HOSTILE and run.data_options["target"] == "compressive_strength"

    expect(page.locator("img[src='x']")).to_have_count(0)


def test_an_upload_is_checked_mended_and_started(page: Page, opened: Store, site: str) -> None:
    page.get_by_text("Upload a file").click()
    start(page).click()
    expect(page.locator(".st-key-problem")).to_contain_text(
        "What to do: upload one, or use the bundled data."
    )
    chooser = page.locator("input[type=file]")
    chooser.set_input_files(
        files=[{"name": "<b>no</b>.csv", "mimeType": "text/csv", "buffer": b""}]
    )
    expect(page.locator(".st-key-problem")).to_contain_text("<b>no</b>.csv")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".st-key-problem")).to_have_count(0)

    chooser.set_input_files(
        files=[{"name": "../mine.csv", "mimeType": "text/csv", "buffer": TABLE}]
    )
    expect(page.get_by_text("60 rows, 4 columns")).to_be_visible()
    target = page.get_by_role("combobox", name="Target column")
    expect(target).to_have_value("kind")
    expect(finding(page, "Classification of 'kind': 2 classes")).to_be_visible()
    expect(finding(page, "as an identifier has: 'id'")).to_be_visible()
    target.click()
    page.get_by_role("option", name="amount", exact=True).click()
    expect(finding(page, "Regression of 'amount'")).to_be_visible()
    finding(page, "as an identifier has: 'id'").get_by_role("button", name="Leave it out").click()
    expect(finding(page, "identifier")).to_have_count(0)

    number(page, "Generations").fill("3")
    number(page, "Generations").press("Enter")
    expect(page.locator(".st-key-cost")).to_contain_text("76 to 82")
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.get_by_role("link", name="New run").first.click()
    expect(page.get_by_text("60 rows, 4 columns")).to_be_visible()
    expect(number(page, "Generations")).to_have_value("3")
    expect(page.get_by_role("combobox", name="Target column")).to_have_value("amount")
    expect(finding(page, "identifier")).to_have_count(0)

    start(page).click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))
    (run,) = opened.runs()
    assert run.data_options["target"] == "amount" and run.settings.generations == 3
    # The table is recorded as it is: an option says what is left out.
    assert list(opened.table(run.id).columns) == ["id", HOSTILE, "amount", "kind"]
    assert run.data_options["drop"] == ["id"]
    expect(page.locator("img[src='x']")).to_have_count(0)


TOWNS = ("mały", "biały", "żółty", "książka", "Łódź", "większy")
CENTRAL = "".join(f"{TOWNS[i % 6]},{i % 7},{(i * 37) % 61}.5\n" for i in range(60))


def test_an_upload_is_read_in_the_encoding_that_is_named(page: Page, opened: Store) -> None:
    page.get_by_text("Upload a file").click()
    field = page.get_by_role("textbox", name="File encoding")
    content = f"barwa,size,amount\n{CENTRAL}".encode("cp1250")
    page.locator("input[type=file]").set_input_files(
        files=[{"name": "t.csv", "mimeType": "text/csv", "buffer": content}]
    )
    misread = finding(page, "in Windows-1250 that was read as Windows-1252")
    expect(misread).to_contain_text("What to do: say which encoding the file has")
    misread.get_by_role("button", name="Read it as cp1250").click()
    expect(field).to_have_value("cp1250")
    expect(misread).to_have_count(0)
    expect(page.get_by_test_id("stMain")).to_contain_text("książka")

    field.fill("cp-1250")
    field.press("Enter")
    expect(page.locator(".st-key-problem")).to_contain_text("Did you mean 'cp1250'")
    field.fill("windows-1250")
    field.press("Enter")
    expect(page.locator(".st-key-problem")).to_have_count(0)
    expect(page.get_by_test_id("stMain")).to_contain_text("książka")

    start(page).click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))
    run = opened.runs()[0]
    assert run.data_options["file_encoding"] == "cp1250"
    assert set(opened.table(run.id)["barwa"]) == set(TOWNS)

    # A run that is like it has the table, and says what its file was.
    page.goto(page.url.replace(f"live?run={run.id}", f"new?like={run.id}"))
    expect(finding(page, "Regression of 'amount'")).to_be_visible()
    start(page).click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))
    again = opened.runs()[0]
    assert again.id > run.id and again.data_options == run.data_options


def test_a_table_that_a_search_refuses_starts_nothing(page: Page, opened: Store) -> None:
    rows = "".join(f"{i % 9},{i % 9 + 1}/2/2024,{i}.5\n" for i in range(60))
    page.get_by_text("Upload a file").click()
    page.locator("input[type=file]").set_input_files(
        files=[{"name": "t.csv", "mimeType": "text/csv", "buffer": f"a,when,y\n{rows}".encode()}]
    )
    expect(finding(page, "nobody can say whether day or month comes first")).to_be_visible()
    start(page).click()
    expect(page.locator(".st-key-problem")).to_contain_text("nobody can say whether day or month")

    assert opened.runs() == []

    finding(page, "day or month").get_by_role("button", name="Leave it out").click()
    expect(finding(page, "60 rows, 1 feature")).to_be_visible()
    expect(page.locator(".st-key-problem")).to_have_count(0)


def test_bounds_that_leave_nothing_start_nothing(page: Page, opened: Store) -> None:
    page.get_by_text("Bounds and choices of the genes").click()
    edit(page, 2, "3")
    expect(page.locator(".st-key-problem")).to_contain_text("leave nothing to search")
    start(page).click()
    expect(page.locator(".st-key-problem")).to_contain_text("within 4..200")
    assert opened.runs() == []


def choose(page: Page, label: str, words: str) -> None:
    """Choose from a list by typing, as a person does."""
    field = page.get_by_role("combobox", name=label)
    field.click()
    field.fill(words)
    field.press("Enter")


def test_an_objective_is_chosen_by_its_name_with_its_options(page: Page, opened: Store) -> None:
    choose(page, "What swarms optimise", "Share within")
    expect(number(page, "Within")).to_have_value("1")
    number(page, "Within").fill("4")
    number(page, "Within").press("Enter")
    start(page).click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))

    (run,) = opened.runs()
    assert run.settings.objective.name == "tolerance"
    assert run.settings.objective.options == {"within": 4.0}
    assert run.settings.metric is None and run.metric.name == "tolerance"
    expect(page.get_by_test_id("stMain")).to_contain_text("Share within tolerance")

    # It is duplicated with all that it has.
    page.goto(page.url.replace(f"live?run={run.id}", f"new?like={run.id}"))
    expect(number(page, "Within")).to_have_value("4")


def test_bounds_and_choices_are_recorded(page: Page, opened: Store) -> None:
    page.get_by_text("Bounds and choices of the genes").click()
    edit(page, 2, "30")
    number(page, "Hidden layers, at most").fill("1")
    number(page, "Neurons in a layer, at most").fill("16")
    page.get_by_role("button", name="Remove tanh").click()
    expect(page.get_by_role("button", name="Remove tanh")).to_have_count(0)
    start(page).click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))
    (run,) = opened.runs()

    assert run.settings.bounds == {"swarm_size": (4, 30)}
    assert run.settings.choices["activation"] == ("relu",)
    assert (run.settings.max_depth, run.settings.max_width) == (1, 16)


def test_a_run_is_duplicated_with_all_that_it_had_and_its_bounds_widened(
    page: Page, opened: Store, site: str
) -> None:
    source = pd.DataFrame(
        {"a": range(60), "b": [i % 5 for i in range(60)], "g": [i // 3 for i in range(60)]}
    )
    source["y"] = source["a"] * 0.5 + source["b"]
    source["w"] = source["g"] + 1
    source["amount"] = source["a"] * 2
    source["z"] = 100 - source["y"]
    dataset = load_dataset(
        source,
        ["y", "z"],
        group="g",
        folds=3,
        seed=7,
        test_fraction=0.25,
        columns=["amount"],
        weight="w",
    )
    given = SearchSettings.parse(
        {
            "generations": 9,
            "population": 5,
            "mutation": 0.4,
            "bounds": {
                "swarm_size": (10, 40),
                "inertia_weight": (0.5, 1.0),
                "inertia_end": (0.4, 1.0),
            },
            "choices": {"informant_strategy": ("ring", "nearest"), "initialisation": ("fan_in",)},
        }
    )
    run_id, _ = opened.add_run(dataset, given, name="the first")
    page.goto(f"{site}/new?like={run_id}")
    expect(page.get_by_text("60 rows, 7 columns")).to_be_visible()
    page.get_by_role("tab", name="Columns").click()
    columns = page.locator(".st-key-draft table").last
    for name, use in (("w", "weight of a row"), ("amount", "stays with its row"), ("g", "group")):
        expect(columns.get_by_role("row").filter(has_text=use)).to_contain_text(name)
    expect(finding(page, "'w' says how much each row counts")).to_be_visible()
    expect(page.locator(".st-key-carried")).to_contain_text(f"As in run {run_id}: mutation = 0.4")
    start(page).click()
    page.wait_for_url(re.compile(r"/live\?run=\d+$"))
    copy = opened.runs()[0]
    assert copy.id != run_id and copy.name == "the first"
    assert copy.settings == given
    assert copy.data_options == opened.run(run_id).data_options
    assert len(opened.tables()) == 1, "the same table, to the bit"

    page.goto(f"{site}/new?like={run_id}&widen=swarm_size:upper,inertia_weight:lower")
    expect(page.locator(".st-key-carried")).to_be_visible()
    start(page).click()
    page.wait_for_url(re.compile(rf"/live\?run=(?!{copy.id})\d+$"))
    wider = opened.runs()[0]
    assert wider.settings.bounds == {
        **given.bounds,
        "swarm_size": (10, 200),
        "inertia_weight": (0, 1),
    }
    page.goto(f"{site}/new?like=4711")
    expect(page.locator(".st-key-problem")).to_contain_text("There is no run '4711'")
