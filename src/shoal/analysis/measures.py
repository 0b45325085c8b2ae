"""The accuracies by which runs are compared."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.analysis.summary import Summary

# Attributes of `Row`, in the order in which tests are reported, and what each says.
MEASURES = {
    "confirmation": "accuracy on unused random streams",
    "search": "accuracy as the search saw it",
    "test": "test accuracy of single networks",
    "ensemble": "test accuracy of the ensemble",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A run in a comparison. Accuracies are in percent; None: not known.

    Attributes
    ----------
    run, name, state
        The run.
    search, search_ci95
        Accuracy of the best genome as the search saw it, with Student's 95 % interval.
    confirmation, confirmation_ci95
        The same on random streams on which nothing was selected.
    test, ensemble
        On the test rows: of the champion's networks on average, and of their ensemble.
    generations, evaluations
        How many were completed.
    seconds
        Active training time.
    """

    run: int
    name: str
    state: str
    search: float | None
    search_ci95: tuple[float, float] | None
    confirmation: float | None
    confirmation_ci95: tuple[float, float] | None
    test: float | None
    ensemble: float | None
    generations: int
    evaluations: int
    seconds: float

    @classmethod
    def of(cls, summary: Summary) -> Row:
        """The row of one run."""
        run = summary.run
        best = summary.best
        confirmation = best.confirmation if best else None
        single = summary.scores.test if summary.scores else None
        ensemble = summary.ensemble.test if summary.ensemble else None
        return cls(
            run=run.id,
            name=run.name,
            state=run.state,
            search=best.accuracy if best else None,
            search_ci95=best.ci95 if best else None,
            confirmation=confirmation.accuracy if confirmation else None,
            confirmation_ci95=confirmation.ci95 if confirmation else None,
            test=single.accuracy if single else None,
            ensemble=ensemble.accuracy if ensemble else None,
            generations=run.generations,
            evaluations=run.evaluations,
            seconds=round(run.seconds, 3),
        )

    def accuracy(self, measure: str) -> float | None:
        """The accuracy by one of `MEASURES`, in percent."""
        value: float | None = getattr(self, measure)
        return value
