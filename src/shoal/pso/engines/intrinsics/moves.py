"""Moves of particles with their random numbers, in one pass over memory: one intrinsic a rule.

See shoal.numerics.philox for the random numbers, and for the places where Philox is written.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.numerics.philox import MULTIPLIERS, ROUNDS, WEYL, Purpose
from shoal.pso.engines.llvm_vectors import F32, I32, I64, LANES, Emitter, Value

_LOW = 0xFFFFFFFF

_Keys = list[tuple[Value, Value]]

# For each pull: which random numbers it takes, the field of the kernels' `Rule` with its weight,
# and the argument of the intrinsic that says where to.
_PULLS = {
    "own": (Purpose.COGNITIVE, "c1", 4),
    "social": (Purpose.SOCIAL, "c2", 5),
    "global": (Purpose.GLOBAL, "c3", 6),
}


def make_move(*pulls: str, random_inertia: bool = False) -> Any:
    """Make the intrinsic that moves a particle by one rule.

    Each rule has its own: as branches of one, they would slow each other down.

    Parameters
    ----------
    *pulls
        What the rule adds to the velocity, of "own", "social" and "global", in that order.
    random_inertia
        Whether the old velocity is multiplied by a random number, too.
    """

    @intrinsic
    def tile(
        typing: Any,
        x: Any,
        v: Any,
        new_x: Any,
        new_v: Any,
        own: Any,
        social: Any,
        top: Any,
        stride: Any,
        block: Any,
        particle: Any,
        iteration: Any,
        w: Any,
        vmax: Any,
        rule: Any,
    ) -> Any:
        """Move 16 blocks of four dimensions of a particle by one step.

        Dimension n of block b is at ``n stride + b`` from each address; ``block`` is the number of
        the first. A pull whose weight is 0 is left out, with its random numbers.
        """

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit = Emitter(context, builder)
            pointers = [emit.float_pointer(arg) for arg in args[:7]]
            x, v, new_x, new_v = pointers[:4]
            stride, block, particle, iteration, w, vmax = (emit.of(arg) for arg in args[7:13])
            rule = {}
            for n, name in enumerate(sig.args[13].fields):
                rule[name] = emit.of(builder.extract_value(args[13], n))

            keys = round_keys(rule["key0"], rule["key1"])
            lanes_of_a_half = emit.count(LANES // 2)
            # Where the four quarters of the dimensions begin.
            places = [stride * n for n in range(4)]
            here = [emit.load(x, place) for place in places]

            def random(purpose: Purpose) -> list[Value]:
                # Counters are 64 bits wide, so that two vectors of 8 make 16 blocks.
                counters = []
                for half in (0, LANES // 2):
                    blocks = lanes_of_a_half + (block + half)
                    purpose_word = emit.constant(I64, int(purpose))
                    counters.append([blocks, particle, iteration, purpose_word])
                return uniform_blocks(counters, keys)

            inertia = [w] * 4
            if random_inertia:
                inertia = [w * r for r in random(Purpose.COGNITIVE)]
            velocities = []
            for factor, place in zip(inertia, places, strict=True):
                velocities.append(emit.variable(factor * emit.load(v, place)))

            for pull in pulls:
                purpose, weight_name, argument = _PULLS[pull]
                weight = rule[weight_name]
                with emit.when(weight.compare("!=", 0.0)):
                    for n, r in enumerate(random(purpose)):
                        towards = emit.load(pointers[argument], places[n])
                        change = (weight * r) * (towards - here[n])
                        velocities[n].set(velocities[n].get() + change)

            for n, place in enumerate(places):
                velocity = velocities[n].get().clipped(vmax * -1.0, vmax)
                position = here[n] + rule["jump"] * velocity
                position = position.clipped(rule["xmax"] * -1.0, rule["xmax"])
                emit.store(velocity, new_v, place)
                emit.store(position, new_x, place)
            return emit.nothing

        return types.void(*[types.intp] * 11, types.float32, types.float32, rule), codegen

    return tile


def round_keys(key0: Value, key1: Value) -> _Keys:
    """The two key words of each round."""
    keys = []
    for r in range(ROUNDS):
        keys.append(((key0 + WEYL[0] * r) & _LOW, (key1 + WEYL[1] * r) & _LOW))
    return keys


def _philox(counter: list[Value], keys: _Keys) -> list[Value]:
    """The four words of a block; see shoal.numerics.philox.

    They are kept in the low halves of 64 bits, as a multiplication wants them.
    """
    c0, c1, c2, c3 = counter
    for k0, k1 in keys:
        p0 = (c0 & _LOW) * MULTIPLIERS[0]
        p1 = (c2 & _LOW) * MULTIPLIERS[1]
        # Each line reads a word that is not yet replaced.
        c0 = (p1 >> 32) ^ c1 ^ k0
        c1 = p1
        c2 = (p0 >> 32) ^ c3 ^ k1
        c3 = p0
    return [c0, c1, c2, c3]


def uniform_blocks(counters: list[list[Value]], keys: _Keys) -> list[Value]:
    """The four vectors of 16 numbers on [0, 1) of 16 blocks, whose counters come in two halves."""
    low_half, high_half = counters
    low_words = _philox(low_half, keys)
    high_words = _philox(high_half, keys)

    uniforms = []
    for low, high in zip(low_words, high_words, strict=True):
        word = low.to(I32).part(range(LANES), high.to(I32))
        uniforms.append((word >> 8).to(F32) * 2.0**-24)
    return uniforms


move_informed = make_move("own", "social", "global")
move_competitive = make_move("social", random_inertia=True)
