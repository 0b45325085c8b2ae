"""What every page has: words that explain themselves, help, the tour, the theme, and axe's rules.

One small store is served for all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, Page, expect

from shoal.dashboard import routing
from shoal.dashboard.components.tour import STEPS
from shoal.dashboard.components.words import explained_html
from shoal.dashboard.pages.help import help_texts
from shoal.dashboard.routing import PLACES
from shoal.data import load_dataset
from shoal.orchestration.runner import Runner
from shoal.presentation.glossary import ENTRIES
from shoal.settings.search_settings import SearchSettings
from shoal.store import Owner, Store, open_store
from support import browser as chrome
from support.fakes import HereExecutor

pytestmark = pytest.mark.browser
LOADING = SOON = 120_000  # milliseconds

NARROW = 400  # pixels, as a telephone has

# Dark and narrow; the other three in the long form.
LOOKS = [
    ("dark", NARROW),
    pytest.param("light", 1440, marks=pytest.mark.slow(part="pages")),
    pytest.param("dark", 1440, marks=pytest.mark.slow(part="pages")),
    pytest.param("light", NARROW, marks=pytest.mark.slow(part="pages")),
]

# Code that came without having been asked for by the first document.
UNASKED = """() => {
  const asked = new Set([...document.querySelectorAll('link[rel^=pre]')].map(link => link.href));
  return performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => name.endsWith('.js') && !asked.has(name));
}"""

BESIDE = """() => [...document.querySelectorAll("svg.marks")].flatMap(chart => {
  const place = chart.closest("[class*=st-key-chart-]").getBoundingClientRect();
  const own = chart.getBoundingClientRect();
  const ends = [own.left - place.left, own.right - place.right];
  return ends.some(end => Math.abs(end) > 1) ? [ends] : [];
})"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a run of a table that has finished."""
    folder = tmp_path_factory.mktemp("words")
    with pytest.MonkeyPatch.context() as patch, open_store(folder / "shoal.db") as store:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        settings = SearchSettings(
            population=4, generations=2, iterations=20, finalists=2, confirmations=2, networks=2
        )
        run, _ = store.add_run(load_dataset("concrete"), settings, name="small")
        claim = store.claim(Owner.here(), run)
        assert claim is not None
        assert Runner(store, claim, make_executor=HereExecutor).drive() == "finished"
        yield store


@pytest.fixture(scope="module")
def site(filled: Store) -> Iterator[str]:
    assert filled.path is not None
    with chrome.site(filled, filled.path.with_name("server.log")) as url:
        yield url


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    with chrome.watched_page(window, SOON, deep=True) as page:
        yield page


def arrive(page: Page, address: str) -> None:
    """Open an address, and wait until the page has all its parts."""
    page.goto(address)
    complete(page)


def complete(page: Page) -> None:
    expect(page.locator(".st-key-footer")).to_be_attached(timeout=SOON)
    chrome.expect_done(page, patience=SOON)
    undrawn = page.locator(
        "[data-testid=stSkeleton], [data-testid=stVegaLiteChart]:not(:has(svg.marks))"
    )
    expect(undrawn).to_have_count(0, timeout=SOON)


# Whether no transition is under way; what moves for ever does not count.
SETTLED = """() => document.getAnimations().every(
    (one) => one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity
)"""


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_everybody_can_read_and_reach_every_page(
    chromium: Browser, filled: Store, site: str, scheme: str, width: int
) -> None:
    """No rule of axe-core is broken on any page, which is whole, fits, and asks for its code.

    A new page joins by its entry of `PLACES`.
    """
    axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
    (run,) = filled.runs()
    genome = filled.evaluations(run.id)[0].task.genome.hash

    broken = []
    with chromium.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    ) as context:
        page = context.new_page()
        for place in PLACES:
            query = f"?run={run.id}&genome={genome}" if place.of_run else ""
            arrive(page, f"{site}/{place.name}{query}")
            assert page.get_by_test_id("stException").count() == 0, place.name
            wide = page.evaluate("() => document.documentElement.scrollWidth")
            assert wide <= width, f"{place.name} is {wide} pixels wide"
            assert page.evaluate(BESIDE) == [], (
                f"charts of {place.name} that are not as wide as their place"
            )
            assert page.evaluate(UNASKED) == [], (
                f"missing in _ELEMENTS of server/index_page.py: elements of {place.name}"
            )
            heading = page.locator("h1").inner_text()
            detail = genome[:8] if place.name == "evaluation" else ""
            number = run.id if place.of_run else None
            assert heading == routing.heading(place.name, number, detail)
            assert page.title().startswith(f"{heading} · "), "a tab is called as its page is"
            if page.locator("svg.marks").count():
                # So that the toolbar of a chart is there, too; not where a tooltip would be.
                page.locator("svg.marks").first.hover(position={"x": 3, "y": 3})
                expect(page.locator(".save-svg")).not_to_have_count(0)
            # What fades in has less contrast on its way.
            page.wait_for_function(SETTLED)
            found = axe_playwright.Axe().run(page).response["violations"]
            for violation in found:
                for node in violation["nodes"]:
                    broken.append(
                        f"{place.name}: {violation['id']} ({violation['impact']}) at "
                        f"{node['html'][:200]}: {node['failureSummary']}"
                    )
    assert broken == []


def test_every_page_has_its_help() -> None:
    names = {place.name for place in PLACES}
    assert set(help_texts()) == {"start", *names}
    assert all(len(text) > 60 for text in help_texts().values())


def test_a_label_with_a_meaning_is_a_button_and_nothing_of_it_is_markup() -> None:
    assert explained_html("Elapsed <b>") == "Elapsed &lt;b&gt;"
    got = explained_html("Luck", 'more "than" <i>that</i>')
    assert got.startswith('<button type="button" class="word" data-meaning="more &quot;than')
    assert "<i>" not in got and got.endswith(">Luck</button>")


def test_help_has_the_page_that_one_comes_from_and_every_word(page: Page, site: str) -> None:
    arrive(page, f"{site}/live?run=1")
    page.get_by_role("link", name="Help for this page").click()
    expect(page).to_have_url(re.compile(r"/help\?page=live$"))
    expect(page.get_by_role("heading", name="Help", exact=True)).to_be_visible()
    expect(page.get_by_text("A run as it goes")).to_be_visible()
    expect(page.get_by_text("All searches of this store")).not_to_be_visible()
    expect(page.get_by_role("link", name="Help for this page")).to_have_count(0)

    rows = page.locator("table.glossary tr:not([hidden])")
    expect(rows).to_have_count(len(ENTRIES))
    page.get_by_role("searchbox", name="Find a word").fill("least squares")
    expect(page.get_by_role("status").filter(has_text="2 words")).to_be_visible()
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("ridge")


def test_a_word_says_its_meaning_to_pointer_keyboard_and_finger(
    chromium: Browser, site: str
) -> None:
    with chromium.new_context(has_touch=True, viewport={"width": 400, "height": 860}) as context:
        page = context.new_page()
        arrive(page, f"{site}/champion?run=1")
        meaning = page.get_by_role("tooltip")
        word = page.locator("dl.tiles").get_by_role("button", name="Confirmation", exact=True)

        word.hover()
        expect(meaning).to_contain_text("an honest score")
        expect(word).to_have_attribute("aria-describedby", "meaning")
        box = meaning.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 400
        # A pointer may move onto the text.
        meaning.hover()
        expect(meaning).to_be_visible()
        page.keyboard.press("Escape")
        expect(meaning).not_to_be_visible()

        word.tap()
        expect(meaning).to_be_visible()
        page.get_by_role("heading", name="Leaderboard").tap()
        expect(meaning).not_to_be_visible()

        word.focus()
        expect(meaning).to_be_visible()
        page.keyboard.press("Tab")
        expect(meaning).not_to_contain_text("an honest score")


def test_the_tour_comes_once_and_again_when_it_is_asked_for(chromium: Browser, site: str) -> None:
    with chrome.first_visit(chromium) as context:
        page = context.new_page()
        page.goto(site)
        tour = page.get_by_role("dialog", name=STEPS[0].title)
        expect(tour).to_be_visible(timeout=SOON)
        complete(page)
        expect(page.get_by_role("heading", name=STEPS[0].title)).to_be_focused()

        for number, step in enumerate(STEPS[1:], 2):
            page.get_by_role("button", name="Next").click()
            tour = page.get_by_role("dialog", name=step.title)
            expect(tour).to_contain_text(f"{number} of {len(STEPS)}")
        page.get_by_role("button", name="Done").click()
        expect(page.locator("#tour")).not_to_be_visible()

        arrive(page, f"{site}/help")
        expect(page.locator("#tour")).not_to_be_visible()
        again = page.get_by_role("button", name="Show the tour")
        again.click()
        expect(page.get_by_role("dialog", name=STEPS[0].title)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#tour")).not_to_be_visible()
        expect(again).to_be_focused()


def test_a_tour_that_is_skipped_does_not_come_back(chromium: Browser, site: str) -> None:
    with chrome.first_visit(chromium) as context:
        page = context.new_page()
        page.goto(site)
        page.get_by_role("button", name="Skip").click(timeout=SOON)
        arrive(page, f"{site}/settings")
        expect(page.locator("#tour")).not_to_be_visible()


def scheme_of(page: Page) -> str:
    return str(page.locator(".stApp").evaluate("app => getComputedStyle(app).colorScheme"))


def test_the_theme_is_switched_at_once_and_kept_on_every_page(chromium: Browser, site: str) -> None:
    with chromium.new_context(color_scheme="light") as context:
        page = context.new_page()
        arrive(page, f"{site}/system")
        theme = page.get_by_role("group", name="Theme")
        expect(theme.get_by_role("button", pressed=True)).to_have_text("System")

        theme.get_by_role("button", name="Dark").click()
        expect(theme.get_by_role("button", pressed=True)).to_have_text("Dark")
        expect(page.locator(".stApp")).to_have_css("color-scheme", "dark")
        expect(theme.get_by_role("button", name="Dark")).to_be_focused()
        expect(page.get_by_test_id("stMainMenuPopover")).to_have_count(0)

        arrive(page, f"{site}/settings")
        assert scheme_of(page) == "dark"
        by_menu(page, "Light")
        expect(page.locator(".stApp")).to_have_css("color-scheme", "light")
        expect(theme.get_by_role("button", pressed=True)).to_have_text("Light")

        arrive(page, f"{site}/help")
        assert scheme_of(page) == "light"
        expect(theme.get_by_role("button", pressed=True)).to_have_text("Light")


def by_menu(page: Page, theme: str) -> None:
    """Choose a theme in Streamlit's own menu."""
    page.get_by_test_id("stMainMenu").get_by_role("button").click()
    page.get_by_role("menuitemradio", name=theme).click()


def test_keys_alone_reach_the_pages_and_are_seen(chromium: Browser, site: str) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        arrive(page, f"{site}/settings")
        seen = focused_with_rings(page)
        places = {place.title for place in PLACES if not place.of_run}
        assert places <= set(seen), "each page has a link that the Tab key reaches"
        assert {"Light", "Dark", "System", "Help for this page"} <= set(seen)
        invisible = [text for text, is_visible in seen.items() if not is_visible]
        assert invisible == []


def focused_with_rings(page: Page) -> dict[str, bool]:
    """What the Tab key reaches, by its text, and whether a ring shows it."""
    look = """() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      const hasRing = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      const words = at.tagName === "A" ? at.querySelector("p")?.innerText : at.innerText;
      const text = words || at.getAttribute("aria-label") || "";
      if (at === document.body) return ["", true];
      return [text.trim(), hasRing || style.boxShadow !== "none"];
    }"""
    seen: dict[str, bool] = {}
    for _ in range(60):
        page.keyboard.press("Tab")
        text, has_ring = page.evaluate(look)
        if text:
            seen[text] = has_ring and seen.get(text, True)
    return seen
