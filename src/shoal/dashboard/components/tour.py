"""The first tour: a dialog of five steps, which server/page.js opens at a browser's first visit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the tour; its text is our own HTML."""

    title: str
    text: str


STEPS = (
    Step(
        "What a search is",
        "<p>Shoal trains small neural networks with particle swarms, without gradients. A genetic "
        "search around them finds good settings of the swarm and a good shape of the network.</p>"
        "<p>One such search is a <b>run</b>. Every training of it is recorded, so nothing is lost "
        "when this page is closed.</p>",
    ),
    Step(
        "Start one",
        '<p><a href="new" target="_self">New run</a> takes a table, checks it, and says how to '
        "mend what is wrong with it. Before you start it says how long the search will take.</p>"
        "<p>There is a table to try it with, and there are simulations and functions.</p>",
    ),
    Step(
        "Watch it",
        "<p><b>Live</b> shows how far a run is, what trains now, and how good the best is beside "
        "simple methods. <b>Swarm</b> shows any training in motion.</p>"
        "<p>Pause, resume or stop a run whenever you like: its result does not change.</p>",
    ),
    Step(
        "The champion and the model",
        "<p>At its end a run confirms its best genomes on random numbers that the search never "
        "saw, and names a <b>champion</b>. Only then are the test rows looked at.</p>"
        "<p>The champion's networks are your model: download it, or use it from Python.</p>",
    ),
    Step(
        "Where help is",
        "<p>A word with a dotted line says what it means: point at it, tap it, or reach it with "
        "the Tab key.</p>"
        '<p><b>Help for this page</b> is at the top right. <a href="help" target="_self">Help</a> '
        "has every page, every word, and this tour.</p>",
    ),
)


def tour_html() -> str:
    """The dialog as HTML, closed, with all its steps."""
    sections = []
    for number, step in enumerate(STEPS, 1):
        heading = f'<h2 id="tour-{number}" tabindex="-1">{step.title}</h2>'
        sections.append(f"<section>{heading}{step.text}</section>")
    return (
        f'<dialog id="tour">{"".join(sections)}<footer><span class="step"></span>'
        '<button type="button" data-tour="close">Skip</button>'
        '<button type="button" data-tour="back">Back</button>'
        '<button type="button" class="next" data-tour="next">Next</button></footer></dialog>'
    )
