"""Policies and scenarios as compiled simulations know them.

Their methods are those of shoal.simulations.policy and shoal.simulations.scenario, on the same
memory and by the same functions: a simulation has the same values compiled and in plain Python.
"""

from __future__ import annotations

from typing import Any

from numba import carray, literal_unroll, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, overload_attribute, overload_method, register_model

from shoal.pso.engines.intrinsics.memory import address_of
from shoal.simulations.draws import (
    EXPONENTIAL,
    LARGEST_RATE,
    NORMAL,
    UNIFORM,
    draw,
)
from shoal.simulations.forward import propagate
from shoal.simulations.memory import (
    ANSWER,
    OUTPUTS,
    SEED,
    WIDTHS,
    WORK,
    double_pointer,
    load_double,
    load_int,
    store_float,
)


class PolicyType(types.Type):
    """A policy: the address of its record."""

    def __init__(self) -> None:
        super().__init__(name="Policy")


class ScenarioType(types.Type):
    """A scenario: the address of its record."""

    def __init__(self) -> None:
        super().__init__(name="Scenario")


POLICY = PolicyType()
SCENARIO = ScenarioType()


def _register(kind: Any) -> None:
    @register_model(kind)
    class Model(models.StructModel):
        def __init__(self, manager: Any, type_: Any) -> None:
            super().__init__(manager, type_, [("record", types.intp)])


_register(PolicyType)
_register(ScenarioType)


def _constructor(kind: Any) -> Any:
    @intrinsic
    def construct(typing: Any, record: Any) -> Any:
        """Make the object whose record lies at an address."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            proxy = cgutils.create_struct_proxy(kind)(context, builder)
            proxy.record = args[0]
            return proxy._getvalue()

        return kind(types.intp), codegen

    return construct


policy_at = _constructor(POLICY)
scenario_at = _constructor(SCENARIO)


@intrinsic
def record_of(typing: Any, owner: Any) -> Any:
    """Return the address of the record of a policy or a scenario."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).record

    return types.intp(owner), codegen


def _is_observation(observation: Any) -> bool:
    """Whether it is one row of numbers."""
    numbers = (types.Integer, types.Float, types.Boolean)
    if isinstance(observation, types.Array):
        return observation.ndim == 1 and isinstance(observation.dtype, numbers)
    if isinstance(observation, types.List):
        return isinstance(observation.dtype, numbers)
    if isinstance(observation, types.BaseTuple):
        return all(isinstance(value, numbers) for value in observation.types)
    return False


def _is_plain(observation: Any) -> bool:
    """Whether an observation lies in memory as the network reads it."""
    return (
        isinstance(observation, types.Array)
        and observation.dtype == types.float32
        and observation.layout == "C"
    )


@overload_method(PolicyType, "act")
def _act(policy: Any, observation: Any) -> Any:
    """See `shoal.simulations.policy.Policy.act`."""

    def act(policy: Any, observation: Any) -> Any:
        record = record_of(policy)
        inputs = load_int(record, WIDTHS)
        if len(observation) != inputs:
            raise ValueError("The observation has another length than the simulation has inputs.")

        work = load_int(record, WORK)
        for k in range(inputs):
            store_float(work, k, observation[k])
        propagate(record, work)
        answer = load_int(record, ANSWER)
        return carray(double_pointer(answer), (load_int(record, OUTPUTS),))

    def act_where_it_lies(policy: Any, observation: Any) -> Any:
        record = record_of(policy)
        if len(observation) != load_int(record, WIDTHS):
            raise ValueError("The observation has another length than the simulation has inputs.")

        propagate(record, address_of(observation, 0))
        answer = load_int(record, ANSWER)
        return carray(double_pointer(answer), (load_int(record, OUTPUTS),))

    def act_on_mixed_numbers(policy: Any, observation: Any) -> Any:
        record = record_of(policy)
        if len(observation) != load_int(record, WIDTHS):
            raise ValueError("The observation has another length than the simulation has inputs.")

        work = load_int(record, WORK)
        k = 0
        # Numba unrolls this loop, and does not know `enumerate` there.
        for value in literal_unroll(observation):
            store_float(work, k, value)
            k += 1  # noqa: SIM113
        propagate(record, work)
        answer = load_int(record, ANSWER)
        return carray(double_pointer(answer), (load_int(record, OUTPUTS),))

    if not _is_observation(observation):
        raise TypingError("policy.act takes an array or a tuple of numbers.")
    if _is_plain(observation):
        return act_where_it_lies
    if isinstance(observation, types.Tuple):
        return act_on_mixed_numbers
    return act


@overload_method(PolicyType, "choose")
def _choose(policy: Any, observation: Any) -> Any:
    """See `shoal.simulations.policy.Policy.choose`."""

    def choose(policy: Any, observation: Any) -> Any:
        policy.act(observation)
        record = record_of(policy)
        answer = load_int(record, ANSWER)
        best = 0
        for k in range(1, load_int(record, OUTPUTS)):
            if load_double(answer, k) > load_double(answer, best):
                best = k
        return best

    return choose


@overload_method(ScenarioType, "uniform")
def _uniform(scenario: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
    def uniform(scenario: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
        return low + (high - low) * draw(record_of(scenario), UNIFORM)

    return uniform


@overload_method(ScenarioType, "normal")
def _normal(scenario: Any, mean: Any = 0.0, sd: Any = 1.0) -> Any:
    def normal(scenario: Any, mean: Any = 0.0, sd: Any = 1.0) -> Any:
        return mean + sd * draw(record_of(scenario), NORMAL)

    return normal


@overload_method(ScenarioType, "exponential")
def _exponential(scenario: Any, mean: Any = 1.0) -> Any:
    def exponential(scenario: Any, mean: Any = 1.0) -> Any:
        return mean * draw(record_of(scenario), EXPONENTIAL)

    return exponential


@overload_method(ScenarioType, "integers")
def _integers(scenario: Any, n: Any) -> Any:
    def integers(scenario: Any, n: Any) -> Any:
        if n < 1:
            raise ValueError("scenario.integers(n): n is at least 1.")
        return int(draw(record_of(scenario), UNIFORM) * n)

    return integers


@overload_method(ScenarioType, "poisson")
def _poisson(scenario: Any, rate: Any) -> Any:
    def poisson(scenario: Any, rate: Any) -> Any:
        if not 0.0 <= rate <= LARGEST_RATE:
            raise ValueError("scenario.poisson(rate): a rate is from 0 to 1e8.")
        return int(draw(record_of(scenario), float(rate)))

    return poisson


@overload_attribute(ScenarioType, "seed")
def _seed(scenario: Any) -> Any:
    def seed(scenario: Any) -> Any:
        return load_int(record_of(scenario), SEED)

    return seed
