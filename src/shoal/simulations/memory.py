"""The memory of a policy and of a scenario, which compiled and plain code share.

Compiled code knows a policy by the address of its record, a row of whole numbers that says where
everything else lies. Numba would count each look at an array; at 30 ns a simulated step there is no
time for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from shoal.nn.activations import ACTIVATIONS
from shoal.nn.network import Network
from shoal.numerics.philox import Key
from shoal.pso.engines.llvm_vectors import F32, F64, I64

# Neurons that are computed together: a register of AVX2.
NEURONS = 8

# The record of a policy: the addresses of its weights and of the two halves of its workspace, how
# many layers have weights, the number of the activation, how often it acted, the address of its
# outputs and how many they are, and the widths from inputs to outputs.
WEIGHTS, WORK, OTHER_WORK, LAST_WORK, LAYERS, ACTIVATION, ACTS, ANSWER, OUTPUTS, WIDTHS = range(10)

# The record of a scenario: its key, what its numbers are for, its own number, the place of the next
# draw, how many draws are remembered, for how many there is room, where, and its seed.
KEY0, KEY1, PURPOSE, NUMBER, PLACE, FILLED, ROOM, DRAWS, SEED = range(9)
# Draws of a scenario that are remembered: a megabyte.
REMEMBERED = 1 << 16


def padded(width: int) -> int:
    """The neurons of a layer, rounded up to whole registers."""
    return -(-width // NEURONS) * NEURONS


@dataclass(frozen=True, eq=False, slots=True)
class PolicyMemory:
    """A network that acts, laid out for `shoal.simulations.forward`.

    Attributes
    ----------
    record : ndarray of int64
        See the module's head.
    weights : ndarray of float32
        Layer by layer, eight neurons at a time: their biases, then the weights of each input.
    work : ndarray of float32
        Two parts, which layers read and write in turn, and one for the outputs. The first begins
        with the observation.
    outputs : ndarray of float64, (outputs,)
        What the policy answers: the outputs of the last layer, from the end of ``work``. As
        float64, arithmetic with them is the same compiled and in plain Python, where a float32
        times a Python number stays a float32.
    """

    record: NDArray[np.int64]
    weights: NDArray[np.float32]
    work: NDArray[np.float32]
    outputs: NDArray[np.float64]

    @classmethod
    def of(cls, network: Network) -> PolicyMemory:
        """Make room for a network; its weights come by `shoal.simulations.forward.load_weights`."""
        widths = network.layers
        layers = len(widths) - 1
        part = padded(max(widths))

        size = 0
        for inputs, neurons in pairwise(widths):
            size += (inputs + 1) * padded(neurons)

        weights = np.zeros(size, np.float32)
        work = np.zeros(2 * part + padded(widths[-1]), np.float32)
        record = np.zeros(WIDTHS + len(widths), np.int64)
        record[WEIGHTS] = weights.ctypes.data
        record[WORK] = work.ctypes.data
        record[OTHER_WORK] = work[part:].ctypes.data
        record[LAYERS] = layers
        record[ACTIVATION] = ACTIVATIONS[network.activation].kernel_number
        record[WIDTHS:] = widths

        outputs = np.zeros(widths[-1])
        record[LAST_WORK] = work[2 * part :].ctypes.data
        record[ANSWER] = outputs.ctypes.data
        record[OUTPUTS] = widths[-1]
        return cls(record, weights, work, outputs)

    @property
    def address(self) -> int:
        """Where the record lies."""
        return int(self.record.ctypes.data)


@dataclass(frozen=True, eq=False, slots=True)
class ScenarioMemory:
    """A scenario and the draws of it that are remembered.

    Attributes
    ----------
    record : ndarray of int64, (9,)
        See the module's head.
    draws : ndarray of float64, (room, 2)
        For each place what was drawn there, and its value.
    """

    record: NDArray[np.int64]
    draws: NDArray[np.float64]

    @classmethod
    def of(cls, key: Key, purpose: int, remembered: int = REMEMBERED) -> ScenarioMemory:
        """Make room for scenarios; which one it is comes by `shoal.simulations.draws.begin`."""
        draws = np.empty((remembered, 2))
        record = np.zeros(9, np.int64)
        record[KEY0], record[KEY1] = key
        record[PURPOSE] = purpose
        record[NUMBER] = -1
        record[ROOM] = remembered
        record[DRAWS] = draws.ctypes.data
        return cls(record, draws)

    @property
    def address(self) -> int:
        """Where the record lies."""
        return int(self.record.ctypes.data)


def _loader(kind: Any, numba_kind: Any) -> Any:
    @intrinsic
    def load(typing: Any, address: Any, index: Any) -> Any:
        """Read element ``index`` of an array at an address."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], kind.as_pointer())
            return builder.load(builder.gep(pointer, [args[1]]))

        return numba_kind(types.intp, types.intp), codegen

    return load


def _storer(kind: Any, numba_kind: Any) -> Any:
    @intrinsic
    def store(typing: Any, address: Any, index: Any, value: Any) -> Any:
        """Write element ``index`` of an array at an address."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], kind.as_pointer())
            builder.store(args[2], builder.gep(pointer, [args[1]]))
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, numba_kind), codegen

    return store


load_int = _loader(I64, types.int64)
load_double = _loader(F64, types.float64)
load_float = _loader(F32, types.float32)
store_int = _storer(I64, types.int64)
store_double = _storer(F64, types.float64)
store_float = _storer(F32, types.float32)


@intrinsic
def double_pointer(typing: Any, address: Any) -> Any:
    """Take an address as that of float64."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], F64.as_pointer())

    return types.CPointer(types.float64)(types.intp), codegen
