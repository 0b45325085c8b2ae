"""Scorecards: networks of the decoder *scorecard* as questions with points, for people.

for card in scorecards(problem, champion):
    print(card.text())
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.data import CategoricalColumn, ClassTarget, Encoder, QuestionColumn
from shoal.data.encoder import number_text
from shoal.objectives.built_in_decoders import SCORECARD
from shoal.problems.base import Problem
from shoal.problems.table import TableProblem
from shoal.tuning.champion import Champion


@dataclass(frozen=True, slots=True)
class Question:
    """A yes/no question to a row.

    Attributes
    ----------
    column
        The column that it is about.
    greater_than
        Whether the value is greater than this, in the column's unit; None: another question.
    level
        Whether the value is this text; None: another question.
    """

    column: str
    greater_than: float | None = None
    level: str | None = None

    @property
    def text(self) -> str:
        """As people read it.

        Examples
        --------
        >>> Question("age", greater_than=28.0).text, Question("age").text
        ('age > 28', 'age is missing')
        """
        if self.greater_than is not None:
            return f"{self.column} > {number_text(self.greater_than)}"
        if self.level is not None:
            return f"{self.column} is {self.level}"
        return f"{self.column} is missing"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        if self.greater_than is not None:
            return {"column": self.column, "greater_than": self.greater_than}
        if self.level is not None:
            return {"column": self.column, "is": self.level}
        return {"column": self.column, "is_missing": True}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A network that people can do by hand.

    Attributes
    ----------
    target
        The column that it decides on.
    yes, no
        The classes of a sum that is large enough, and of one that is not.
    needed
        Points from which on the answer is ``yes``.
    lines
        Questions with their points, none of them 0, the most points first.
    """

    target: str
    yes: str
    no: str
    needed: int
    lines: tuple[tuple[Question, int], ...]

    @property
    def verdict(self) -> str:
        """What the sum means, as a sentence."""
        noun = "point" if self.needed == 1 else "points"
        return f"{self.needed} {noun} or more: {self.yes}. Fewer: {self.no}."

    def text(self) -> str:
        """The card as a text file has it."""
        lines = [
            f"Scorecard for {self.target}",
            "",
            "Add up the points of each question whose answer is yes.",
            "",
        ]
        lines += [f"{points:+5d}  {question.text}" for question, points in self.lines]
        if not self.lines:
            lines.append("    (no question has points)")
        return "\n".join([*lines, "", self.verdict]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        questions = []
        for question, points in self.lines:
            questions.append({"question": question.text, **question.to_dict(), "points": points})
        return {
            "target": self.target,
            "yes": self.yes,
            "no": self.no,
            "points_needed": self.needed,
            "questions": questions,
        }


def scorecard_of(encoder: Encoder, weights: NDArray[np.float32]) -> Scorecard:
    """The card of a network.

    Parameters
    ----------
    encoder
        Whose inputs are all questions, and whose target has two classes.
    weights
        (D,), as the decoder *scorecard* makes them.
    """
    target = encoder.target
    assert isinstance(target, ClassTarget), "a scorecard decides between two classes"
    questions = questions_of(encoder)
    points = weights[len(questions) : 2 * len(questions)]

    lines = []
    for question, own in zip(questions, points.tolist(), strict=True):
        if own:
            lines.append((question, int(own)))
    lines.sort(key=lambda line: -line[1])
    return Scorecard(
        target=target.name,
        yes=target.classes[1],
        no=target.classes[0],
        # The second output is the sum of the points, less the points needed, plus a half.
        needed=int(0.5 - float(weights[-1])),
        lines=tuple(lines),
    )


def questions_of(encoder: Encoder) -> list[Question]:
    """The question of each network input."""
    questions = []
    for column in encoder.columns:
        if isinstance(column, QuestionColumn):
            for threshold in column.thresholds:
                questions.append(Question(column.name, greater_than=threshold))
            if column.missing_question:
                questions.append(Question(column.name))
        elif isinstance(column, CategoricalColumn):
            for level in column.levels:
                questions.append(Question(column.name, level=level))
    return questions


def scorecards(problem: Problem, champion: Champion) -> tuple[Scorecard, ...]:
    """The cards of a champion's networks; none where they are no cards."""
    if not isinstance(problem, TableProblem):
        return ()
    decoder = problem.decoder
    if decoder is None or decoder.function is not SCORECARD.function:
        return ()
    encoder = problem.dataset.encoder
    return tuple(scorecard_of(encoder, weights) for weights in champion.weights)
