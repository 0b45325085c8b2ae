"""What an offer to customers who may leave brings: the objective of `own_objective.py`."""

from __future__ import annotations

import shoal


@shoal.objective("maximize", outputs="decision", columns=("amount",), unit="EUR a customer")
def saved(decision, y, amount, *, offer=25.0, success=0.4):
    """Mean profit of a customer, if all for whom the network decides 1 get the offer.

    The offer costs `offer`. Of those who would have left, a share of `success` stays and pays
    `amount` for six more months.
    """
    gain = success * 6.0 * amount * y - offer
    return (decision * gain).mean(axis=1)
