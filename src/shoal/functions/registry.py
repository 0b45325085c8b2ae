"""Functions that come with Shoal, by name."""

from __future__ import annotations

from shoal.errors import FunctionError
from shoal.functions.definition import FunctionProblem
from shoal.objectives.options import Option

# Imported on first use.
BUNDLED = ("sphere", "rosenbrock", "rastrigin", "pressure-vessel")


def get_function(name: str, **options: Option) -> FunctionProblem:
    """Find a function by its name.

    Parameters
    ----------
    name
        One of `BUNDLED`.
    **options
        Values that differ from the defaults.

    Raises
    ------
    FunctionError
        For a name or an option that does not exist.

    Examples
    --------
    >>> get_function("rastrigin", dimensions=30).box.dimensions
    30
    """
    if name not in BUNDLED:
        raise FunctionError(
            f"There is no function {name!r}.",
            expected="one of " + ", ".join(BUNDLED),
            remedy="for one of your own, give its file and name, as in design.py:beam",
        )

    from shoal.functions import bundled

    found: FunctionProblem = getattr(bundled, name.replace("-", "_"))
    return found.with_options(**options)
