"""What all reports share: the document, its head, its mark and its footer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from shoal._version import __version__
from shoal.export.html import Html, tag
from shoal.export.style import STYLE
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import metric_heading
from shoal.store import RunView

# Shoal's mark, a shoal of fish: one fish, and where it swims.
_FISH = "M29 16c-3.2 4.2-8.4 4.2-11.4 1.6L14 20.4l.9-4.4-.9-4.4 3.6 2.8C20.6 11.8 25.8 11.8 29 16z"
_FISH_PLACES = (
    None,
    "translate(1.5 -1.5) scale(.6)",
    "translate(1.5 14.3) scale(.6)",
    "translate(-5.4 8.8) scale(.45)",
)
_META = Html(
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
)


def document(run: RunView, top: Sequence[Html], sections: Mapping[str, Html]) -> str:
    """A report: no script, and nothing that is loaded from anywhere.

    Parameters
    ----------
    run
        What it reports on.
    top
        What stands below the head.
    sections
        The rest by title; empty ones are left out.
    """
    parts = [_header(run), *top]
    for title, content in sections.items():
        if content:
            parts += [tag("h2", title), content]
    footer = f"Shoal {__version__}. {_scores_are(run.metric)}; ± is half of a 95 % interval."

    head = tag(
        "head",
        _META,
        tag("title", f"{run.name}: run {run.id} of Shoal"),
        tag("style", Html(STYLE)),
    )
    body = tag("body", tag("main", *parts, tag("footer", footer)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _scores_are(metric: Metric) -> str:
    """What the scores of the report are, as the beginning of a sentence."""
    if metric.is_accuracy:
        return "Accuracies are in percent"
    return f"Scores: {metric_heading(metric)}"


def _header(run: RunView) -> Html:
    """Shoal's mark, the run's name, and its state."""
    shoal_of_fish = [tag("path", d=_FISH, transform=place) for place in _FISH_PLACES]
    mark = tag("svg", *shoal_of_fish, viewBox="0 3 30 26", aria_hidden="true")

    state: str = run.state
    if run.ended:
        ended = datetime.fromtimestamp(run.ended, UTC)
        state = f"{state} {ended.strftime('%Y-%m-%d %H:%M UTC')}"
    line = f"Run {run.id} · {run.settings.preset} · {state} · Shoal {__version__}"
    return tag(
        "header",
        tag("div", mark, "Shoal", class_="mark"),
        tag("h1", run.name),
        tag("p", line, class_="lead"),
    )
