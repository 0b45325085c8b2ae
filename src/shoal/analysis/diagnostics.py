"""What a champion predicts for the test rows, by the kind of its target."""

from __future__ import annotations

from shoal.analysis.champion_rows import ChampionRows
from shoal.analysis.class_diagnostics import ClassDiagnostics
from shoal.analysis.number_diagnostics import NumberDiagnostics, number_diagnostics

Diagnostics = ClassDiagnostics | NumberDiagnostics


def diagnostics(champion: ChampionRows) -> Diagnostics:
    """How the champion predicts the test rows.

    Parameters
    ----------
    champion
        What `shoal.analysis.champion_rows.champion_rows` returned.

    Raises
    ------
    AnalysisError
        A prediction is not finite.
    """
    if champion.problem.dataset.task == "classification":
        together = champion.together(champion.predict(champion.part.x))
        # Raises where a prediction is not finite.
        champion.score(together)
        return ClassDiagnostics(champion, together)
    return number_diagnostics(champion)
