"""Activations of many numbers at once, in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

from shoal.pso.engines.llvm_vectors import LANES, Emitter, Value
from shoal.pso.engines.vector_math import gelu, leaky_relu, sigmoid, tanh


def make_map(function: Callable[[Value], Value]) -> Any:
    """Make an intrinsic ``apply(address, vectors)``: a function of each of 16 ``vectors`` float32.

    Parameters
    ----------
    function
        Of a vector, as those of `shoal.pso.engines.vector_math`.
    """

    @intrinsic
    def apply(typing: Any, values: Any, vectors: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            emit = Emitter(context, builder)
            pointer = emit.float_pointer(args[0])
            with emit.loop(emit.of(args[1])) as index:
                start = index * LANES
                emit.store(function(emit.load(pointer, start)), pointer, start)
            return emit.nothing

        return types.void(types.intp, types.intp), codegen

    return apply


apply_tanh = make_map(tanh)
apply_sigmoid = make_map(sigmoid)
apply_leaky_relu = make_map(leaky_relu)
apply_gelu = make_map(gelu)
