"""The section of a report that says how good a run was after how much work.

Work is what problems without a table are counted in: simulated steps, or evaluations of a function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from shoal.export.html import Html, join, table, tag
from shoal.export.svg_lines import line_chart
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import count_text, score_text
from shoal.problems.evaluation import Evaluation
from shoal.settings.phase import Phase
from shoal.store import GenerationRecord
from shoal.store.serialization import finite


@dataclass(frozen=True, slots=True)
class Work:
    """What work is counted in.

    Attributes
    ----------
    name
        Of the count among the scores of an evaluation, and after a number: "2 million steps".
    axis
        The title of an axis.
    note
        What the chart shows, in a sentence.
    """

    name: str
    axis: str
    note: str

    def of(self, evaluation: Evaluation) -> float:
        """That of a training; 0 where it failed."""
        if evaluation.scores is None:
            return 0.0
        return evaluation.scores.train.others.get(self.name, 0.0)


STEPS = Work(
    "steps",
    "Simulated steps",
    "The best mean score that the search knew after these simulated steps, all trainings together; "
    "the choice among a training's policies and the confirmation not counted.",
)
EVALUATIONS = Work(
    "evaluations",
    "Evaluations",
    "The best mean value that the search knew after these evaluations of the function, all "
    "trainings together; the confirmation not counted.",
)


def score_by_work(
    generations: Sequence[GenerationRecord], evaluations: Sequence[Evaluation], work: Work
) -> list[tuple[float, float]]:
    """The best score of each generation by the work of all trainings up to its end.

    Returns
    -------
    list of (work, score)
        Without generations in which all failed.
    """
    by_generation: dict[int, float] = {}
    for evaluation in evaluations:
        if evaluation.task.phase is Phase.SEARCH:
            number = evaluation.task.generation
            by_generation[number] = by_generation.get(number, 0.0) + work.of(evaluation)

    numbers = [record.summary.number for record in generations]
    so_far = accumulate(by_generation.get(number, 0.0) for number in numbers)
    points = []
    for record, done in zip(generations, so_far, strict=True):
        score = finite(record.summary.best_score)
        if score is not None:
            points.append((done, score))
    return points


def work_section(points: Sequence[tuple[float, float]], metric: Metric, work: Work) -> Html:
    """What `score_by_work` gives as a chart, and where the best improved; empty for one point."""
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return Html()

    best = [points[0]]
    for point in points[1:]:
        if metric.better(point[1], best[-1][1]):
            best.append(point)
    rows = []
    for done, score in best:
        rows.append((f"{count_text(done)} {work.name}", score_text(score, metric)))
    lines = {f"Best {metric.word}": points}
    return join(
        line_chart(lines, work.axis, dots=True, whole=True),
        table(("After", metric.label), rows, kind="scores"),
        tag("p", work.note, class_="note"),
    )
