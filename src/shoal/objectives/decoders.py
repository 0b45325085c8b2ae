"""Decoders: functions from the positions of a swarm to the weights of the networks evaluated.

A swarm moves through numbers of any kind. A decoder makes of them networks of a special kind, such
as those with weights of a few bits, and no gradient has to pass through it. `decoder` makes a
`Decoder` of a function; those that come with Shoal are in `shoal.objectives.built_in_decoders`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from shoal.errors import DecoderError, ShoalError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, normals
from shoal.objectives.options import (
    Option,
    Reproducible,
    line_of,
    name_of,
    options_of,
    plain_function,
    with_values,
)

# Makes of positions (n, D) float32 the weights (n, D) float32 of networks.
Decode = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# Positions that a decoder is tried on, and the random stream of their numbers.
_TRIED = 4
_KEY = (0, 0)


@dataclass(frozen=True, eq=False, slots=True)
class Decoder(Reproducible):
    """What networks a swarm's positions stand for; `decoder` makes one of a function.

    Called as the function is, it runs the function, which is how to test it.

    Attributes
    ----------
    name
        What it is called.
    function
        ``f(positions, **options)`` or ``f(positions, network, **options)``. It is handed positions
        (n, D) float32, which it leaves as they are, and returns the weights (n, D) of n networks.
        Each network depends on its own position alone. ``network`` is a
        `shoal.nn.network.Network`, whose `layer_slices` say where the weights of each layer are.
    takes_network
        Whether the function is handed the network.
    options
        By name, with their values.
    data_options
        Options that the table has to be prepared with, by name. None has to for most.
    defaults
        Settings of a search that mean something else with this decoder, unless they are given.
    """

    name: str
    # Without its address in memory, so that two processes print the same.
    function: Callable[..., Any] = field(repr=False)
    takes_network: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)
    data_options: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Run the function."""
        return self.function(*arguments, **{**self.options, **options})

    def with_options(self, **changes: Any) -> Decoder:
        """Give options other values, each of the type of its default. Raises `DecoderError`."""
        owner = f"The decoder {self.name}"
        return replace(self, options=with_values(self.options, changes, owner, DecoderError))

    def bound_to(self, network: Network) -> Decode:
        """The decoder for one topology, whose results are checked.

        Parameters
        ----------
        network
            Of D weights.

        Returns
        -------
        callable
            From positions (n, D) float32 to weights (n, D) float32. It raises `DecoderError` if the
            function raises, or returns something else.
        """

        def decode(positions: NDArray[np.float32]) -> NDArray[np.float32]:
            # A function that changes its input would move the swarm.
            shown = positions.view()
            shown.flags.writeable = False
            return self._weights(shown, network)

        return decode

    def _weights(self, positions: NDArray[np.float32], network: Network) -> NDArray[np.float32]:
        """What the function returns for positions (n, D), checked."""
        arguments: tuple[Any, ...] = ()
        by_hand = f"{self.name}(positions)"
        if self.takes_network:
            arguments = (network,)
            by_hand = f"{self.name}(positions, network)"

        try:
            returned = self.function(positions, *arguments, **self.options)
        # It says what to do by itself.
        except ShoalError:
            raise
        except Exception as error:
            raise DecoderError(
                f"The decoder {self.name} raised {type(error).__name__}: {error}"
                f"{line_of(error, self.function)}.",
                expected=f"weights of shape {positions.shape}, and the positions left as they are",
                remedy=f"call it by hand: {by_hand}",
            ) from error
        return self._checked(returned, positions.shape)

    def _checked(self, returned: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
        seen = f"a {type(returned).__name__}"
        if isinstance(returned, np.ndarray):
            if returned.shape == shape and returned.dtype.kind in "fiub":
                # A weight beyond the range becomes infinite, and its loss with it.
                with np.errstate(over="ignore"):
                    return np.ascontiguousarray(returned, np.float32)
            seen = f"{returned.dtype} of shape {returned.shape}"

        raise DecoderError(
            f"The decoder {self.name} returned {seen} for positions of shape {shape}.",
            expected=f"numbers of shape {shape}, the weights of a network in each row",
            remedy="return an array of the shape that the positions have",
        )

    def check(self, network: Network) -> None:
        """Try the decoder out on a few random positions.

        Raises
        ------
        DecoderError
            If it raises, changes the positions, returns another shape or no finite weights, gives
            other weights for the same positions when it is called again, or looks at more than one
            position for a network.
        """
        decode = self.bound_to(network)
        positions = normals(_KEY, Purpose.POSITION, _TRIED, network.size)

        # Positions that it may change, so that it does not fail for another reason.
        passed = positions.copy()
        try:
            together = self._weights(passed, network).copy()
        finally:
            # Before what it returned: it may be the positions.
            if not np.array_equal(passed, positions):
                raise DecoderError(
                    f"The decoder {self.name} changes the positions that it is handed.",
                    expected="a function that leaves them as they are, as the swarm needs them",
                    remedy="work on a copy: positions = positions.copy()",
                )
        if not np.isfinite(together).all(axis=1).any():
            raise DecoderError(
                f"The decoder {self.name} returns weights that are not finite for each of {_TRIED} "
                "positions.",
                expected="finite weights for some position",
                remedy="look for divisions by 0, and for logarithms of numbers below 0",
            )

        if not np.array_equal(decode(positions), together, equal_nan=True):
            raise DecoderError(
                f"The decoder {self.name} gives other weights when it is called again.",
                expected="the same weights for the same positions",
                remedy="draw no random numbers in it, and keep nothing between calls",
            )
        for number in range(_TRIED):
            alone = decode(positions[number : number + 1])
            if not np.array_equal(alone[0], together[number], equal_nan=True):
                raise DecoderError(
                    f"The decoder {self.name} gives a position other weights among others than "
                    "alone.",
                    expected="the same weights, to the bit",
                    remedy="look at each row by itself: reduce over axis 1 alone, and sum by "
                    "np.cumsum(..., axis=1)[:, -1], whose order is fixed",
                )


@overload
def decoder(function: Callable[..., Any], *, name: str | None = None) -> Decoder: ...
@overload
def decoder(
    function: None = None, *, name: str | None = None
) -> Callable[[Callable[..., Any]], Decoder]: ...
def decoder(
    function: Callable[..., Any] | None = None, *, name: str | None = None
) -> Decoder | Callable[[Callable[..., Any]], Decoder]:
    """Make a decoder of a function ``f(positions, option=default, ...)``.

    A second parameter ``network`` without a default is handed the network's topology.

    Parameters
    ----------
    function
        See `Decoder.function`. It is written in NumPy, or compiled by Numba.
    name
        What it is called; None: as the function.

    Returns
    -------
    Decoder

    Raises
    ------
    DecoderError
        If the function takes other arguments.

    Examples
    --------
    >>> @decoder
    ... def sparse(positions, *, least=0.5):
    ...     return np.where(np.abs(positions) < least, 0, positions)
    >>> sparse(np.array([[0.1, 2.0]], np.float32)).tolist()
    [[0.0, 2.0]]
    """

    def decorate(written: Callable[..., Any]) -> Decoder:
        takes_network = _takes_network(written)
        positional: tuple[str, ...] = ("positions",)
        if takes_network:
            positional = ("positions", "network")
        return Decoder(
            name=name or name_of(written),
            function=written,
            takes_network=takes_network,
            options=options_of(written, "The decoder", positional, DecoderError, keywords=True),
        )

    if function is None:
        return decorate
    return decorate(function)


def _takes_network(function: Any) -> bool:
    """Whether the second parameter is ``network``, without a default."""
    if not callable(function):
        return False
    parameters = list(inspect.signature(plain_function(function)).parameters.values())
    if len(parameters) < 2:
        return False
    second = parameters[1]
    return second.name == "network" and second.default is inspect.Parameter.empty
