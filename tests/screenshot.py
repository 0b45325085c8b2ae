"""Makes docs/dashboard.png anew, from a real run in a store of its own: `python tests/screenshot.py [FILE]`."""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from PIL import Image
from playwright.sync_api import expect

import browser as chrome
from shoal.data import load_dataset
from shoal.launch import ensure_supervisor
from shoal.settings import SearchSettings
from shoal.store import open_store

PICTURE = Path(__file__).parents[1] / "docs" / "dashboard.png"
BUDGET = {"preset": "classic", "population": 10, "repeats": 3, "iterations": 60}
SIZE = (1280, 900)
MINUTES_5 = 300_000  # milliseconds


def take(path: Path) -> None:
    """A search of some 30 generations in progress on the bundled table, beside two that have ended."""
    program = chrome.chromium()
    if program is None:
        sys.exit(f"No browser is installed (looked for {', '.join(chrome.NAMES)} on PATH).")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder  # the supervisor's log
        with open_store(Path(folder) / "shoal.db") as store:
            dataset = load_dataset("concrete", preset="classic")
            for seed, generations in ((1, 3), (2, 4), (3, 60)):
                store.add_run(dataset, SearchSettings.parse({**BUDGET, "seed": seed, "generations": generations}))
            with chrome.dashboard(store, Path(folder) / "server.log") as url, chrome.launched(program) as browser:
                ensure_supervisor(store)
                page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
                page.goto(url)
                box = page.get_by_test_id("stMetric").filter(has=page.get_by_text("Current Generation", exact=True))
                expect(box.get_by_test_id("stMetricValue")).to_have_text(
                    re.compile(r"^(2[89]|[3-5]\d)$"), timeout=MINUTES_5
                )
                expect(page.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_visible(timeout=MINUTES_5)
                picture = Image.open(io.BytesIO(page.screenshot()))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
