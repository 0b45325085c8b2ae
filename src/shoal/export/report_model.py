"""The sections of a report on a table that say what its model does, on the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.analysis.champion_rows import ChampionRows, champion_rows
from shoal.analysis.class_diagnostics import Calibration, ClassCurves, ClassDiagnostics
from shoal.analysis.diagnostics import Diagnostics, diagnostics
from shoal.analysis.input_importance import InputImportances, input_importances, usual_repeats
from shoal.analysis.number_diagnostics import NumberDiagnostics, TargetDiagnostics
from shoal.analysis.partial_dependence import PartialDependence, partial_dependence
from shoal.errors import AnalysisError
from shoal.export.html import Html, join, table, tag
from shoal.export.svg_model import (
    MOST_BARS,
    MOST_LINES,
    input_bars,
    residual_dots,
    side_by_side,
    small_chart,
)
from shoal.presentation.formatting import percent, shortened
from shoal.presentation.input_text import importance_note
from shoal.problems.table import TableProblem
from shoal.tuning.champion import Champion

# Columns of numbers whose partial dependence is drawn, the most important ones.
_MOST_DEPENDENCES = 4
# Targets whose errors are shown, and classes of a confusion matrix.
_MOST_TARGETS = 4
_MOST_CLASSES = 12
_NAME_LENGTH = 24
_SHARES = (0.0, 1.0)
_DIAGONAL = ((0.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True)
class ModelFindings:
    """What is said of a champion's networks together.

    Attributes
    ----------
    importances
        Of the columns.
    dependences
        Of some of the most important columns.
    diagnostics
        How the test rows are predicted.
    """

    importances: InputImportances
    dependences: tuple[PartialDependence, ...]
    diagnostics: Diagnostics

    @classmethod
    def of(cls, problem: TableProblem, champion: Champion) -> ModelFindings | None:
        """What there is to say; None without test rows, or where predictions are not finite."""
        try:
            rows = champion_rows(problem, champion)
            importances = input_importances(rows, repeats=usual_repeats(rows))
            return cls(importances, _dependences(rows, importances), diagnostics(rows))
        except AnalysisError:
            return None


def _dependences(
    rows: ChampionRows, importances: InputImportances
) -> tuple[PartialDependence, ...]:
    # Nobody can read what a column does that the model does not need.
    needed = [own for own in importances.inputs if own.clear and own.kind == "number"]
    numbers = [own.column for own in needed]
    return tuple(partial_dependence(rows, name) for name in numbers[:_MOST_DEPENDENCES])


def inputs_section(found: ModelFindings | None) -> Html:
    """Which columns the model needs, and how predictions change with some; empty without."""
    if found is None:
        return Html()
    importances = found.importances
    note = importance_note(importances)
    left_out = len(importances.inputs) - MOST_BARS
    if left_out > 0:
        note += f" The other {left_out:,} columns are not drawn."
    is_share = isinstance(found.diagnostics, ClassDiagnostics)
    charts: list[Html] = []
    for own in found.dependences:
        charts += _dependence_charts(own, is_share)
    below = Html()
    if charts:
        text = "The mean prediction for the test rows, if all had this value and all else stayed."
        below = tag("p", text, class_="note")
    parts = (input_bars(importances), tag("p", note, class_="note"))
    return join(*parts, side_by_side(charts), below)


def _dependence_charts(found: PartialDependence, is_share: bool) -> list[Html]:
    """The mean prediction by the value of a column: all classes together, or each target."""
    numbers = list(range(len(found.outputs)))
    if not is_share:
        # Targets have units of their own: on one axis all lines would be flat.
        return [_dependence_chart(found, [number], is_share) for number in numbers[:_MOST_TARGETS]]
    # Of two classes the first says the same, turned around.
    if is_share and len(numbers) == 2:
        numbers = [1]
    return [_dependence_chart(found, numbers, is_share)]


def _dependence_chart(found: PartialDependence, numbers: Sequence[int], is_share: bool) -> Html:
    """A line for each of these outputs."""
    values = [float(value) for value in found.values if isinstance(value, float)]
    lines = {}
    for number in numbers[:MOST_LINES]:
        name = shortened(found.outputs[number], _NAME_LENGTH)
        lines[name] = (values, found.average[:, number])
    shown = found.average[:, numbers[:MOST_LINES]]
    y = _SHARES if is_share else (float(shown.min()), float(shown.max()))
    title = "Probability"
    if not is_share:
        title = "Predicted"
        if len(found.outputs) > 1:
            title = f"Predicted {next(iter(lines))}"
    column = shortened(found.column, _NAME_LENGTH)
    return small_chart(lines, (column, f"{title} by {column}"), ((values[0], values[-1]), y))


def diagnostics_section(found: ModelFindings | None) -> Html:
    """How the networks together predict the test rows; empty without such rows."""
    if found is None:
        return Html()
    if isinstance(found.diagnostics, ClassDiagnostics):
        return _of_classes(found.diagnostics)
    return _of_numbers(found.diagnostics)


def _of_classes(found: ClassDiagnostics) -> Html:
    charts = []
    if found.curves:
        charts = [_roc(found.curves), _precision_recall(found.curves)]
        charts.append(_calibration(found.calibration))
    rows = []
    for name, own in found.per_class().iterrows():
        rates = [percent(100 * own[rate]) for rate in ("precision", "recall")]
        figures = [*rates, f"{own['f1']:.3f}", f"{int(own['support']):,}"]
        rows.append((shortened(str(name), _NAME_LENGTH), *figures))
    of_each = table(("Class", "Precision", "Recall", "F1", "Rows"), rows, kind="classes")
    about = (
        f"The networks together, on {found.rows:,} test rows. Dashed lines are guesses, or "
        "probabilities that are right."
    )
    note = tag("p", about, class_="note")
    return join(side_by_side(charts), note, of_each, _confusion(found))


def _roc(curves: tuple[ClassCurves, ...]) -> Html:
    lines = {}
    for own in curves[:MOST_LINES]:
        name = f"{shortened(own.name, _NAME_LENGTH)}: AUC {own.roc_auc:.3f}"
        lines[name] = (own.false_positive_rate, own.true_positive_rate)
    titles = ("False positive rate", "True positive rate (ROC)")
    return small_chart(lines, titles, (_SHARES, _SHARES), dashed=_DIAGONAL)


def _precision_recall(curves: tuple[ClassCurves, ...]) -> Html:
    lines = {}
    for own in curves[:MOST_LINES]:
        name = f"{shortened(own.name, _NAME_LENGTH)}: AP {own.average_precision:.3f}"
        lines[name] = (own.recall, own.precision)
    dashed = None
    if len(curves) == 1:
        dashed = (_SHARES, (curves[0].share, curves[0].share))
    return small_chart(lines, ("Recall", "Precision"), (_SHARES, _SHARES), dashed=dashed)


def _calibration(groups: tuple[Calibration, ...]) -> Html:
    lines = {}
    for own in groups[:MOST_LINES]:
        name = f"{shortened(own.name, _NAME_LENGTH)}: Brier {own.brier:.3f}"
        lines[name] = (own.predicted, own.happened)
    titles = ("Predicted probability", "Share that happened (calibration)")
    return small_chart(lines, titles, (_SHARES, _SHARES), dashed=_DIAGONAL)


def _confusion(found: ClassDiagnostics) -> Html:
    """How many rows of each class are taken for which; empty for many classes."""
    if len(found.classes) > _MOST_CLASSES:
        return Html()
    names = [shortened(name, _NAME_LENGTH) for name in found.classes]
    rows = []
    for name, counts in zip(names, found.confusion().to_numpy().tolist(), strict=True):
        rows.append((name, *(f"{count:,}" for count in counts)))
    head = ("True class, taken for", *names)
    return table(head, rows, kind="confusion")


def _of_numbers(found: NumberDiagnostics) -> Html:
    parts: list[Html] = []
    for own in found.targets[:_MOST_TARGETS]:
        parts += _of_target(own, several=len(found.targets) > 1)
    about = (
        f"The networks together, on {found.rows:,} test rows, in the target's unit. An error is "
        "predicted - true."
    )
    return join(*parts, tag("p", about, class_="note"))


def _of_target(own: TargetDiagnostics, *, several: bool) -> list[Html]:
    metrics = own.metrics
    text = (
        f"Mean absolute error {metrics['mae']:.4g}, root mean squared error "
        f"{metrics['rmse']:.4g}, R² {metrics['r2']:.3f}."
    )
    if several:
        text = f"{own.name}: {text[0].lower()}{text[1:]}"
    rows = []
    for _, line in own.ranges.iterrows():
        figures = [f"{line[name]:.4g}" for name in ("mae", "rmse")]
        ends = f"{line['from']:.5g} to {line['to']:.5g}"
        rows.append((ends, f"{int(line['rows']):,}", *figures, f"{line['mean_error']:+.3g}"))
    head = ("True value", "Rows", "MAE", "RMSE", "Mean error")
    return [
        tag("p", text),
        residual_dots(own.predicted, own.residuals),
        table(head, rows, kind="ranges"),
    ]
