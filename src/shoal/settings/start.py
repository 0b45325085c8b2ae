"""Where swarms start: at random, or at a network that another method trained."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shoal.nn.activations import ACTIVATIONS

# Methods of scikit-learn that train the network to start from.
SOLVERS = ("adam", "lbfgs")
# scikit-learn's names of activations, by Shoal's; it lacks the others.
SOLVER_ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}
# The largest velocity limit of a swarm that starts near a good network.
MOST_VELOCITY = 0.1


class StartFrom(BaseModel):
    """A network that swarms start from.

    As JSON and TOML it is a text, or a table: ``{source = "model/weights.npz", sha256 = "..."}``.

    Attributes
    ----------
    source
        One of `SOLVERS`, or the absolute path of a file of weights.
    sha256
        Of the file, 64 hexadecimal digits; None for a solver. Nothing else is started from.
    hidden_layers, activation
        Of the file's network, where it says so; None: whatever the genome has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[str, Field(min_length=1)]
    sha256: str | None = None
    hidden_layers: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    activation: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether a file has the network."""
        return self.source not in SOLVERS

    @property
    def activations(self) -> tuple[str, ...]:
        """The activations that the network may have."""
        if not self.is_file:
            return tuple(SOLVER_ACTIVATIONS)
        if self.activation is not None:
            return (self.activation,)
        return tuple(ACTIVATIONS)

    def __str__(self) -> str:
        return self.source


def as_start(value: Any) -> Any:
    """What a user writes, as a table.

    Examples
    --------
    >>> as_start("adam")
    {'source': 'adam'}
    """
    if isinstance(value, str):
        return {"source": value}
    return value


StartSetting = Annotated[StartFrom, BeforeValidator(as_start)]
