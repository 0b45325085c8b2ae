"""Code that installed packages offer under a name: the only code of others that a browser chooses.

Names are listed without importing anything. A plug-in that somebody chooses is imported in another
process first, since importing it here might never end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from shoal.errors import ProblemError
from shoal.problems import references
from shoal.problems.check import ProblemCheck, check_import
from shoal.problems.registry import choose_written, comes_with_shoal
from shoal.settings.named_code import NamedCode
from shoal.settings.samplers import is_own_sampler
from shoal.settings.search_settings import SearchSettings

if TYPE_CHECKING:
    from shoal.problems.registry import Written

# How long what is installed is remembered, in seconds. A form asks many times a second.
_REMEMBERED = 60
# Groups of entry points by the setting that names such code.
GROUPS = {
    "objective": references.OBJECTIVES,
    "metric": references.OBJECTIVES,
    "decoder": references.DECODERS,
}


@st.cache_data(ttl=_REMEMBERED, show_spinner=False)
def plugins(group: str) -> dict[str, str]:
    """What installed packages offer, as references by name; see `shoal.problems.references`."""
    return references.plugins(group)


def problem_plugins() -> tuple[str, ...]:
    """Names of installed simulations and functions. Those of Shoal itself are none of them."""
    names = plugins(references.PROBLEMS)
    return tuple(name for name in names if not comes_with_shoal(name))


def installed_problem(name: str) -> Written:
    """The installed simulation or function of that name.

    Raises
    ------
    ProblemError
        It cannot be imported, or an installed package offers none of that name.
    """
    if name not in problem_plugins():
        raise ProblemError(
            f"No installed package offers {name!r}.",
            expected="one of " + ", ".join(problem_plugins()),
            remedy="start others on the command line, with `shoal run`",
        )
    check_plugin(references.PROBLEMS, name)
    return choose_written(name)


def plugin_name(group: str, reference: str) -> str | None:
    """Under which name an installed package offers this code; None: none does."""
    for name, offered in plugins(group).items():
        if offered == reference:
            return name
    return None


def check_plugin(group: str, name: str) -> None:
    """Raise `ProblemError` if a plug-in cannot be imported; do nothing for other names."""
    reference = plugins(group).get(name)
    if reference is not None:
        _imported(reference).refuse_bad()


@st.cache_resource(ttl=_REMEMBERED, show_spinner="Importing it in another process …")
def _imported(reference: str) -> ProblemCheck:
    return check_import(reference)


def refuse_files(settings: SearchSettings) -> None:
    """Raise `ProblemError` if settings name code that no installed package offers, or a file."""
    for setting, group in GROUPS.items():
        named = getattr(settings, setting)
        is_code = isinstance(named, NamedCode) and named.is_reference
        if is_code and plugin_name(group, named.name) is None:
            raise _refused(setting, named.name)
    if is_own_sampler(settings.sampler):
        raise _refused("sampler", settings.sampler)
    start = settings.start_from
    if start is not None and start.is_file:
        raise _refused("start_from", start.source)


def _refused(setting: str, name: str) -> ProblemError:
    return ProblemError(
        f"A page cannot start a search with {setting}={name!r}.",
        expected="a name that comes with Shoal, or an installed plug-in",
        remedy="start it on the command line, with `shoal run`",
    )
