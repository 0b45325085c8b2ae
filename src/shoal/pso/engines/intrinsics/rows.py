"""Moves of a particle within a box, in float32 or float64: its random numbers, then one pass over
its dimensions.

The compiler makes no vectors of a plain loop over ten arrays that might overlap.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.intrinsics.moves import round_keys, uniform_blocks
from shoal.pso.engines.llvm_vectors import F32, F64, I64, LANES, Emitter, Value

# Dimensions that are moved at once, as many as fill a register of AVX-512 in float64; then what is
# left of them.
WIDTHS = (LANES // 2, LANES // 4, 1)

# For each pull: the field of the kernels' `Coefficients` with its weight, and the arguments of
# `move_row` that say where to and where its random numbers are.
_PULLS = {"own": ("c1", 2, 7), "social": ("c2", 3, 8), "global": ("c3", 4, 9)}


@intrinsic
def draw_row(
    typing: Any,
    out: Any,
    blocks: Any,
    particle: Any,
    iteration: Any,
    purpose: Any,
    key0: Any,
    key1: Any,
) -> Any:
    """Draw the uniform numbers of one particle in the order of its dimensions.

    Parameters
    ----------
    typing
        Numba's own: it is passed when a kernel is compiled.
    out
        The address of float32: four times the blocks are filled, and up to 15 numbers after them
        written over.
    blocks
        How many blocks of four numbers.
    particle, iteration, purpose, key0, key1
        See shoal.numerics.philox.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        emit = Emitter(context, builder)
        out = emit.float_pointer(args[0])
        blocks, particle, iteration, purpose, key0, key1 = (emit.of(arg) for arg in args[1:])
        keys = round_keys(key0, key1)
        lanes_of_a_half = emit.count(LANES // 2)

        # Vectors of a quarter from the last to the first: the last one reaches into the next
        # quarter, whose first is written after it.
        vectors = (blocks + (LANES - 1)) // LANES
        with emit.loop(vectors) as index:
            block = (vectors - 1 - index) * LANES
            counters = []
            for half in (0, LANES // 2):
                counters.append([lanes_of_a_half + (block + half), particle, iteration, purpose])
            for quarter, numbers in enumerate(uniform_blocks(counters, keys)):
                emit.store(numbers, out, block + blocks * quarter)
        return emit.nothing

    return types.void(*[types.intp] * 7), codegen


def make_row_move(*pulls: str, random_inertia: bool = False) -> Any:
    """Make the intrinsic that moves a particle by one rule.

    Parameters
    ----------
    *pulls
        What the rule adds to the velocity, of "own", "social" and "global", in that order.
    random_inertia
        Whether the old velocity is multiplied by a random number, too: that of the own pull.
    """

    @intrinsic
    def move_row(
        typing: Any,
        x: Any,
        v: Any,
        own: Any,
        social: Any,
        top: Any,
        lower: Any,
        upper: Any,
        own_random: Any,
        social_random: Any,
        top_random: Any,
        dimensions: Any,
        w: Any,
        vmax: Any,
        rule: Any,
    ) -> Any:
        """Move a particle by one step, in place.

        All but the last four are addresses: of the position, the velocity, what the particle is
        drawn to, the box and the random numbers (float32). A pull whose weight is 0 is left out.
        """
        kind = {types.float32: F32, types.float64: F64}[w]

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit = Emitter(context, builder)
            pointers = [builder.inttoptr(arg, kind.as_pointer()) for arg in args[:7]]
            pointers += [emit.float_pointer(arg) for arg in args[7:10]]
            x, v = pointers[:2]
            dimensions, w, vmax = (emit.of(arg) for arg in args[10:13])
            fields = {}
            for n, name in enumerate(sig.args[13].fields):
                fields[name] = emit.of(builder.extract_value(args[13], n))

            def load(argument: int, place: Value, lanes: int) -> Value:
                if lanes == 1:
                    return emit.scalar(pointers[argument], place)
                return emit.load(pointers[argument], place, lanes)

            def random(argument: int, place: Value, lanes: int) -> Value:
                numbers = load(argument, place, lanes)
                if kind == F32:
                    return numbers
                return numbers.to(kind)

            def move(place: Value, lanes: int) -> None:
                here = load(0, place, lanes)
                inertia = w
                if random_inertia:
                    inertia = w * random(7, place, lanes)
                velocity = emit.variable(inertia * load(1, place, lanes))

                for pull in pulls:
                    weight_name, towards, numbers = _PULLS[pull]
                    weight = fields[weight_name]
                    with emit.when(weight.compare("!=", 0.0)):
                        way = load(towards, place, lanes) - here
                        change = (weight * random(numbers, place, lanes)) * way
                        velocity.set(velocity.get() + change)

                low = load(5, place, lanes)
                high = load(6, place, lanes)
                limited = velocity.get().clipped(vmax * -1.0, vmax)
                position = here + fields["jump"] * limited
                outside = position.compare("<", low) | position.compare(">", high)
                stopped = outside & fields["stops_at_limits"]
                emit.store(stopped.pick(limited * 0.0, limited), v, place)
                emit.store(position.clipped(low, high), x, place)

            done = emit.constant(I64, 0)
            for lanes in WIDTHS:
                steps = (dimensions - done) // lanes
                with emit.loop(steps) as index:
                    move(done + index * lanes, lanes)
                done = done + steps * lanes
            return emit.nothing

        return types.void(*[types.intp] * 11, w, w, rule), codegen

    return move_row


move_row_informed = make_row_move("own", "social", "global")
move_row_competitive = make_row_move("social", random_inertia=True)
