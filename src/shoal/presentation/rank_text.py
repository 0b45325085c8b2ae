"""Why a genome stands where it does on the leaderboard, in words."""

from __future__ import annotations

from shoal.analysis.rank_reasons import Place, RankReason
from shoal.data.messages import count_of
from shoal.objectives.registry import Metric
from shoal.presentation.formatting import difference_text

# What the column of these texts is called, and what it says.
WHY_HERE = "Why here"
WHY_HERE_HELP = (
    "How it compares with the first one on the repeats that both have: by how much, and how "
    "probable it is that it is truly better, P(better)"
)

# How a text begins, by what decided.
_BEGINNINGS = {
    Place.LEFT_CONFIRMATION: "Left the confirmation after {repeats}",
    Place.LEFT_RACE: "Left the race after {repeats}",
    Place.NO_FINALIST: "No finalist",
    Place.FAILED: "A confirmation failed",
    Place.CHAMPION: "The champion, by {repeats}",
    Place.LEADER: "Leads so far, by {repeats}",
}


def rank_text(reason: RankReason, metric: Metric, *, named: str = "the champion") -> str:
    """Why a genome has its rank, such as "Left the race after 3 repeats: 0.42 behind".

    Parameters
    ----------
    reason
        The figures.
    metric
        What the scores are scores of.
    named
        What the first one is called.

    Examples
    --------
    >>> from shoal.objectives.registry import ACCURACY
    >>> behind = RankReason("", Place.LEFT_RACE, 3, behind=0.416, shared=3, probability=0.0612)
    >>> rank_text(behind, ACCURACY)
    'Left the race after 3 repeats: 0.42 behind, P(better) 0.06'
    """
    beginning = _BEGINNINGS.get(reason.place, "").format(repeats=count_of(reason.repeats, "repeat"))
    parts = [beginning, _comparison(reason, metric, named)]
    text = ": ".join(filter(None, parts))
    return text[:1].upper() + text[1:]


def _comparison(reason: RankReason, metric: Metric, named: str) -> str:
    if reason.behind is None:
        return ""
    size = difference_text(abs(reason.behind), metric).removeprefix("+")
    on_repeats = f" on {count_of(reason.shared, 'shared repeat')}"
    text = f"{size} behind"
    if reason.behind < 0:
        text = f"{size} ahead of {named}"
    if not _BEGINNINGS.get(reason.place):
        side = "ahead of" if reason.behind < 0 else "behind"
        text = f"{size} {side} {named}{on_repeats}"
    # Where all of its repeats are shared, their number stands before.
    elif reason.shared != reason.repeats:
        text += on_repeats
    if reason.probability is None:
        return text
    return f"{text}, P(better) {_probability_text(reason.probability)}"


def _probability_text(probability: float) -> str:
    """Two digits, and never certainty where there is none."""
    if probability < 0.005:
        return "below 0.01"
    if probability > 0.995:
        return "above 0.99"
    return f"{probability:.2f}"
