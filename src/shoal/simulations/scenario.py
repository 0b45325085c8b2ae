"""A scenario, one draw of a simulation's random numbers, as plain Python meets it.

Compiled simulations meet the same object as `shoal.simulations.compiled_types.ScenarioType`.
"""

from __future__ import annotations

from shoal.numerics.philox import Key
from shoal.simulations.draws import EXPONENTIAL, LARGEST_RATE, NORMAL, UNIFORM, begin, draw
from shoal.simulations.memory import SEED, ScenarioMemory


class Scenario:
    """The random numbers of one simulated world.

    The n-th number drawn is a function of the scenario and of n. So all policies that are compared
    on a scenario meet the same numbers, as long as they draw in the same order.

    Parameters
    ----------
    key
        The random stream.
    purpose
        The set that the scenario belongs to, a scenario's `shoal.numerics.philox.Purpose`.
    number
        Which scenario of the set, from 0.
    """

    def __init__(self, key: Key, purpose: int, number: int) -> None:
        self._memory = ScenarioMemory.of(key, purpose)
        self._record = self._memory.address
        self.begin(number)

    def begin(self, number: int) -> None:
        """Go to the start of a scenario."""
        begin(self._record, number)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Draw a number from [low, high), each as likely."""
        return float(low + (high - low) * draw(self._record, UNIFORM))

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """Draw a normal number of a mean and a standard deviation."""
        return float(mean + sd * draw(self._record, NORMAL))

    def exponential(self, mean: float = 1.0) -> float:
        """Draw a waiting time of a mean."""
        return float(mean * draw(self._record, EXPONENTIAL))

    def integers(self, n: int) -> int:
        """Draw one of 0, 1, ... n - 1, each as likely."""
        if n < 1:
            raise ValueError("scenario.integers(n): n is at least 1.")
        return int(draw(self._record, UNIFORM) * n)

    def poisson(self, rate: float) -> int:
        """Draw a count of events, of which ``rate`` are expected: from 0 to 1e8."""
        if not 0.0 <= rate <= LARGEST_RATE:
            raise ValueError("scenario.poisson(rate): a rate is from 0 to 1e8.")
        return int(draw(self._record, float(rate)))

    @property
    def seed(self) -> int:
        """32 bits for a generator of one's own, the same for all policies."""
        return int(self._memory.record[SEED])
