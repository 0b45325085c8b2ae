"""What a champion predicts for the test rows, by the kind of its target."""

from __future__ import annotations

from shoal.analysis.champion_rows import ChampionRows
from shoal.analysis.class_diagnostics import ClassDiagnostics, class_diagnostics
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
        return class_diagnostics(champion)
    return number_diagnostics(champion)
