"""How the losses of a swarm are shown: as they are, or as the scores that they are."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.objectives.registry import Metric


@dataclass(frozen=True, slots=True)
class ShownLoss:
    """Words for losses, and their sign.

    Attributes
    ----------
    best
        What the global best has.
    standing
        What a particle has where it stands.
    of_best
        What its personal best has.
    one
        A single one, in a tooltip.
    sign
        What a loss is multiplied by: 1 or -1.
    """

    best: str
    standing: str
    of_best: str
    one: str
    sign: float

    def number(self, loss: float) -> float:
        """The loss as it is shown."""
        return self.sign * loss

    def beyond(self, text: str) -> str:
        """The label at the bad end of a scale: that number and all worse ones."""
        return f"{text} +" if self.sign > 0 else f"≤ {text}"


_LOSS = ShownLoss(
    best="Global best loss",
    standing="Loss where it stands",
    of_best="Loss of its best",
    one="loss",
    sign=1.0,
)


def shown_loss(metric: Metric | None) -> ShownLoss:
    """How losses are shown.

    Parameters
    ----------
    metric
        Of the scores that they are, up to weight decay; None: they are no scores.

    Examples
    --------
    >>> from shoal.objectives.registry import Metric
    >>> shown_loss(Metric("score", "Score", "maximize")).number(-500.0)
    500.0
    """
    if metric is None:
        return _LOSS
    return ShownLoss(
        best=f"Best {metric.word}",
        standing=f"{metric.label} where it stands",
        of_best=f"{metric.label} of its best",
        one=metric.word,
        # A loss is a fitness with its sign turned.
        sign=-metric.fitness(1.0),
    )
