"""A user's function, compiled to let many policies act; or why it is not compiled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from numba import njit, types
from numba.core.errors import NumbaError

from shoal.errors import SimulationError
from shoal.pso.engines.compiler_messages import as_sentence, first_cause
from shoal.pso.engines.intrinsics.memory import atomic_fetch_add
from shoal.simulations.compiled_types import POLICY, SCENARIO, policy_at, scenario_at
from shoal.simulations.definition import Simulation
from shoal.simulations.draws import begin
from shoal.simulations.forward import load_weights
from shoal.simulations.kernel_cache import kept_njit
from shoal.simulations.memory import ACTS, load_int
from shoal.system.shortage import is_shortage

_log = logging.getLogger(__name__)

# Where these files lie, a change of one changes the folder of all: their compiled code may be kept.
_OWN_PACKAGE = "shoal.simulations."


@dataclass(frozen=True, slots=True)
class Compilation:
    """What came of compiling a simulation: ``drive`` or a ``reason``, never both."""

    # See `_driver_of`.
    drive: Any = None
    # A sentence.
    reason: str | None = None


# By function: options of other values need no other code.
_done: WeakKeyDictionary[Callable[..., Any], Compilation] = WeakKeyDictionary()


def compilation(simulation: Simulation) -> Compilation:
    """Compile a simulation, if that was not tried before.

    Parameters
    ----------
    simulation
        Compiled unless it is batched or says that it is not.

    Raises
    ------
    SimulationError
        If it has to compile and does not.
    """
    if simulation.batched:
        return Compilation(reason="It is batched.")
    if simulation.compiled is False:
        return Compilation(reason="It says compiled=False.")

    function = simulation.function
    if function not in _done:
        _done[function] = _compile(simulation)
        reason = _done[function].reason
        if reason is not None:
            _log.info("The simulation %s runs in plain Python: %s", simulation.name, reason)

    found = _done[function]
    if found.reason is not None and simulation.compiled:
        raise SimulationError(
            f"The simulation {simulation.name} does not compile: {found.reason}",
            expected="a function that Numba compiles, as compiled=True says",
            remedy="leave out what it names, or leave out compiled=True",
        )
    return found


def compile_anew(simulation: Simulation) -> None:
    """Compile a simulation as each new process does: what is kept on disk is read from there."""
    _done.pop(simulation.function, None)
    compilation(simulation)


def _is_own(function: Callable[..., Any]) -> bool:
    return getattr(function, "__module__", "").startswith(_OWN_PACKAGE)


def _compile(simulation: Simulation) -> Compilation:
    code = getattr(simulation.function, "__code__", None)
    if code is None:
        return Compilation(reason="It is no plain function.")
    if "print" in code.co_names:
        return Compilation(reason="It prints.")

    compiled, drive = _driver_of(simulation.function)
    options = tuple(_type_of(value) for value in simulation.options.values())
    try:
        compiled.compile((POLICY, SCENARIO, *options))
        result = compiled.nopython_signatures[-1].return_type
        if not isinstance(result, (types.Integer, types.Float, types.Boolean)):
            return Compilation(reason=f"It returns {result}, which is not one number.")
        drive.compile((*_SIGNATURE, types.Tuple(options)))
    except NumbaError as error:
        return Compilation(reason=first_cause(error))
    # The compiler stumbles over some functions in ways of its own.
    except Exception as error:
        if is_shortage(error):
            raise
        return Compilation(reason=as_sentence(f"Numba stumbles: {type(error).__name__}: {error}"))
    return Compilation(drive)


_SIGNATURE = (
    types.Array(types.float32, 2, "C"),
    types.int64,
    types.int64,
    types.Array(types.int64, 1, "C"),
    types.int64,
    types.Array(types.int64, 1, "C"),
    types.Array(types.int64, 1, "C"),
    types.Array(types.float64, 2, "C"),
    types.Array(types.int64, 2, "C"),
)


def _type_of(option: Any) -> Any:
    if isinstance(option, bool):
        return types.boolean
    if isinstance(option, int):
        return types.int64
    if isinstance(option, float):
        return types.float64
    return types.unicode_type


def _driver_of(function: Callable[..., Any]) -> tuple[Any, Any]:
    """Make the compiled function and the compiled loop over policies and scenarios.

    Several threads may run the loop at once, each with records of its own: a job, one block of
    policies on one scenario, goes to whoever asks first. A thread leaves in ``place`` which policy
    and which scenario it is at, for the case that the function raises.
    """
    own = _is_own(function)
    compiler = kept_njit if own else njit
    # In code of a user's, an index out of bounds would read whatever lies there.
    compiled = compiler(nogil=True, boundscheck=not own)(function)

    # It is compiled anew in each process: what it calls is another object there.
    @njit(nogil=True)
    def drive(
        weights: Any,
        policy_record: Any,
        scenario_record: Any,
        numbers: Any,
        block: Any,
        jobs: Any,
        place: Any,
        scores: Any,
        steps: Any,
        options: Any,
    ) -> None:
        particles = len(weights)
        blocks = (particles + block - 1) // block
        while True:
            job = atomic_fetch_add(jobs, 0)
            if job >= blocks * len(numbers):
                break

            s = job // blocks
            first = (job % blocks) * block
            for p in range(first, min(first + block, particles)):
                place[0] = p
                place[1] = s
                load_weights(policy_record, weights[p])
                begin(scenario_record, numbers[s])
                policy = policy_at(policy_record)
                scenario = scenario_at(scenario_record)
                scores[p, s] = compiled(policy, scenario, *options)
                steps[p, s] = load_int(policy_record, ACTS)

    return compiled, drive
