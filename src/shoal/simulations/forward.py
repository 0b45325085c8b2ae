"""A network's outputs for one observation, with the same bits on every machine.

A policy acts a billion times in a training, each time on one row, and the next observation waits
for it. So a vector holds the sums of eight neurons. Each neuron has four sums: input k goes to sum
``k % 4``, by a multiply-add that is rounded once. The first sum starts at the bias, and a neuron is
the activation of ``(s0 + s1) + (s2 + s3)``.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.nn import activations
from shoal.pso.engines.llvm_vectors import F32, I64, Emitter, Value, Variable
from shoal.pso.engines.vector_math import gelu, leaky_relu, sigmoid, tanh
from shoal.simulations.kernel_cache import kept_njit
from shoal.simulations.memory import (
    ACTIVATION,
    ACTS,
    ANSWER,
    LAST_WORK,
    LAYERS,
    NEURONS,
    OTHER_WORK,
    OUTPUTS,
    WEIGHTS,
    WIDTHS,
    WORK,
    load_float,
    load_int,
    store_double,
    store_float,
    store_int,
)

# The sums of a neuron that are added up side by side: a processor starts a multiply-add before the
# last one has ended.
SUMS = 4
# The number of no activation: the last layer is linear.
_LINEAR = -1

# Vector forms by the numbers that genomes' activations have in kernels.
_FUNCTIONS = {
    activations.RELU.kernel_number: lambda x: x.clipped(low=0.0),
    activations.TANH.kernel_number: tanh,
    activations.SIGMOID.kernel_number: sigmoid,
    activations.LEAKY_RELU.kernel_number: leaky_relu,
    activations.GELU.kernel_number: gelu,
}


@intrinsic
def _layer(
    typing: Any, weights: Any, inputs: Any, blocks: Any, source: Any, target: Any, activation: Any
) -> Any:
    """Compute a layer.

    Parameters
    ----------
    typing
        Numba's own.
    weights
        The address of the layer's weights, as `PolicyMemory` has them.
    inputs
        How many there are.
    blocks
        Neurons over eight.
    source, target
        Addresses of inputs and outputs.
    activation
        Its number, or `_LINEAR`.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        weights, source, target = (emit.float_pointer(args[n]) for n in (0, 3, 4))
        inputs = emit.of(args[1])
        activation = emit.of(args[5])

        totals = [emit.variable(emit.constant(F32, 0.0, NEURONS)) for _ in range(SUMS)]
        rounds = inputs // SUMS
        rest = inputs - rounds * SUMS
        with emit.loop(emit.of(args[2])) as block:
            place = emit.at(weights, block * (inputs + 1) * NEURONS)
            totals[0].set(emit.load(place, emit.constant(I64, 0), NEURONS))
            for total in totals[1:]:
                total.set(emit.constant(F32, 0.0, NEURONS))

            with emit.loop(rounds) as turn:
                for number, total in enumerate(totals):
                    _add_input(emit, place, source, turn * SUMS + number, total)
            for number in range(SUMS - 1):
                with emit.when(rest.compare(">", number)):
                    _add_input(emit, place, source, rounds * SUMS + number, totals[number])

            first, second, third, fourth = (total.get() for total in totals)
            result = emit.variable((first + second) + (third + fourth))
            for number, function in _FUNCTIONS.items():
                with emit.when(activation.compare("==", number)):
                    result.set(function(result.get()))
            emit.store(result.get(), target, block * NEURONS)
        return emit.nothing

    return types.void(*[types.intp] * 6), codegen


def _add_input(emit: Emitter, place: Any, source: Any, k: Value, total: Variable) -> None:
    """Add one input, times the weights that eight neurons have for it."""
    value = emit.scalar(source, k).spread(NEURONS)
    weight = emit.load(place, (k + 1) * NEURONS, NEURONS)
    total.set(weight.fma(value, total.get()))


@kept_njit()
def propagate(record: Any, source: Any) -> None:
    """Take an observation through the network, and count it as an act.

    Parameters
    ----------
    record
        The address of the policy's record.
    source
        The address of the observation, of float32 one after another.
    """
    widths = record + 8 * WIDTHS
    layers = load_int(record, LAYERS)
    weights = load_int(record, WEIGHTS)
    target = load_int(record, OTHER_WORK)
    other = load_int(record, WORK)

    for layer in range(layers):
        inputs = load_int(widths, layer)
        blocks = (load_int(widths, layer + 1) + NEURONS - 1) // NEURONS
        activation = load_int(record, ACTIVATION)
        if layer == layers - 1:
            activation = _LINEAR
            target = load_int(record, LAST_WORK)

        _layer(weights, inputs, blocks, source, target, activation)
        weights += 4 * (inputs + 1) * blocks * NEURONS
        source = target
        target, other = other, target

    answer = load_int(record, ANSWER)
    for k in range(load_int(record, OUTPUTS)):
        store_double(answer, k, load_float(source, k))
    store_int(record, ACTS, load_int(record, ACTS) + 1)


@kept_njit()
def load_weights(record: Any, flat: Any) -> None:
    """Let a policy act by other weights, and count its acts anew.

    Parameters
    ----------
    record
        The address of its record.
    flat
        (D,), in the layout of `shoal.nn.network`.
    """
    place = load_int(record, WEIGHTS)
    start = 0
    for layer in range(load_int(record, LAYERS)):
        inputs = load_int(record, WIDTHS + layer)
        neurons = load_int(record, WIDTHS + layer + 1)
        biases = start + inputs * neurons
        for j in range(neurons):
            block = (j // NEURONS) * (inputs + 1) * NEURONS + j % NEURONS
            store_float(place, block, flat[biases + j])
            for k in range(inputs):
                store_float(place, block + (k + 1) * NEURONS, flat[start + j * inputs + k])
        start = biases + neurons
        place += 4 * (inputs + 1) * ((neurons + NEURONS - 1) // NEURONS) * NEURONS

    store_int(record, ACTS, 0)
