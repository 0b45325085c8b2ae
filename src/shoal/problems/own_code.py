"""Objectives, losses and decoders by name: built-in ones, installed plug-ins, code of users.

Settings name them. What a user types is pinned first (`pinned`): a reference gets an absolute path
and the hash of its file. From then on the hash decides whether the file is executed (`find_named`),
in every process and whenever a run is resumed. See docs/reference/own-code.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from shoal.errors import DecoderError, ObjectiveError, SettingsError
from shoal.objectives.built_in_decoders import find_decoder, get_decoder
from shoal.objectives.decoders import Decoder
from shoal.objectives.definition import RowLoss, TableObjective
from shoal.objectives.registry import METRICS
from shoal.problems import references
from shoal.problems.warm_start import pinned_start
from shoal.settings.named_code import NamedCode, as_table
from shoal.settings.samplers import describe_sampler, is_own_sampler
from shoal.settings.search_settings import SearchSettings

# What a setting ``objective`` or ``metric`` can stand for.
Own = TableObjective | RowLoss

# Whatever has columns, or is refused.
Subject = TypeVar("Subject")

# The setting that names a decoder.
_DECODER = "decoder"
# Settings that may name code.
SETTINGS = ("objective", "metric", _DECODER)


def pin_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a user gives them, with every name of code, and of a network, pinned.

    Parameters
    ----------
    settings
        By name; ``objective`` and ``metric`` may be texts, tables, or objects of
        `shoal.objective` and `shoal.row_loss`, and ``decoder`` one of `shoal.decoder`.

    Raises
    ------
    ProblemError
        Code cannot be found or imported, or no other process could import it.
    SettingsError
        A file is not the one whose hash the settings name.
    """
    given = dict(settings)
    for setting in SETTINGS:
        value = given.get(setting)
        if value is not None and not (isinstance(value, str) and value in METRICS):
            given[setting] = pinned(value, setting)
    given |= _pinned_sampler(given)
    if given.get("start_from") is not None:
        given["start_from"] = pinned_start(given["start_from"])
    return given


def _pinned_sampler(given: Mapping[str, Any]) -> dict[str, Any]:
    """The hash of the file of a sampler of one's own."""
    sampler = given.get("sampler")
    if isinstance(sampler, type) or callable(getattr(sampler, "population", None)):
        sampler, _ = describe_sampler(sampler)
    if not isinstance(sampler, str) or not is_own_sampler(sampler):
        return {}

    found = references.sha256_of_module(sampler.partition(":")[0])
    known = given.get("sampler_sha256")
    if known is not None and known != found:
        raise _other_file(sampler, found or "none", known)
    return {"sampler_sha256": found}


def _other_file(name: str, found: str, known: object) -> SettingsError:
    return SettingsError(
        f"{name} has the SHA-256 {found[:12]}..., and the settings name {str(known)[:12]}...",
        expected="the file that the settings were written with",
        remedy="leave the hash out to use the file as it is now",
    )


def pinned(value: Any, setting: str = "objective") -> Any:
    """What a setting holds for what a user gives; see `pin_settings`."""
    if isinstance(value, NamedCode):
        value = value.model_dump()
    if isinstance(value, Own | Decoder):
        return _pinned_object(value)

    table = as_table(value)
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(name, str):
        return value
    if not references.is_reference(name):
        group = references.DECODERS if setting == _DECODER else references.OBJECTIVES
        name = references.plugins(group).get(name, name)
    if not references.is_reference(name):
        return table

    found, code = references.find(name)
    known = table.get("sha256")
    if known is not None and known != code.sha256:
        raise _other_file(name, code.sha256, known)

    own: Own | Decoder
    if setting == _DECODER:
        own = as_decoder(found, name)
    else:
        own = as_own(found, name)
    own = with_columns(own, table.get("columns", {})).with_options(**table.get("options", {}))
    return _table(code, own)


def _pinned_object(own: Own | Decoder) -> dict[str, Any]:
    if _is_built_in(own):
        return {"name": own.name, **_choices(own)}

    kind = Decoder if isinstance(own, Decoder) else Own
    what = "a decoder" if isinstance(own, Decoder) else "an objective"
    name = references.name_in_file(
        own.function, lambda value: isinstance(value, kind) and value.function is own.function
    )
    code = references.code_of(own.function, what, name)
    return _table(code, own)


def _table(code: references.Code, own: Own | Decoder) -> dict[str, Any]:
    return {"name": code.reference, "sha256": code.sha256, **_choices(own)}


def _choices(own: Own | Decoder) -> dict[str, Any]:
    """The values of options, and what columns are called."""
    choices: dict[str, Any] = {"options": dict(own.options)}
    called = getattr(own, "columns_called", {})
    if called:
        choices["columns"] = dict(called)
    return choices


def _is_built_in(own: Own | Decoder) -> bool:
    known: Own | Decoder | None
    if isinstance(own, Decoder):
        known = find_decoder(own.name)
    else:
        from shoal.objectives.lookup import find_built_in

        known = find_built_in(own.name)
    return known is not None and known.function is own.function


def find_named(named: NamedCode) -> Own:
    """The objective or loss that a setting names.

    Raises
    ------
    CodeChangedError
        Its file is missing, or does not have the recorded hash.
    ObjectiveError
        There is none of that name, or it has no such options.
    ProblemError
        It cannot be imported.
    """
    if not named.is_reference:
        from shoal.objectives.lookup import get_built_in

        own = get_built_in(named.name)
    else:
        own = as_own(_recorded(named), named.name)
    return with_columns(own, named.columns).with_options(**named.options)


def find_named_decoder(named: NamedCode) -> Decoder:
    """The decoder that a setting names.

    Raises
    ------
    CodeChangedError
        Its file is missing, or does not have the recorded hash.
    DecoderError
        There is none of that name, or it has no such options.
    ProblemError
        It cannot be imported.
    """
    if not named.is_reference:
        decoder = get_decoder(named.name)
    else:
        decoder = as_decoder(_recorded(named), named.name)
    return with_columns(decoder, named.columns).with_options(**named.options)


def find_given(value: Any, setting: str) -> Own | Decoder:
    """What a user means by the value of a setting: an object, a name, a reference, or a table.

    Parameters
    ----------
    value
        See `pin_settings`.
    setting
        "objective" or "decoder".

    Raises
    ------
    SettingsError
        It is none of these.
    ProblemError
        As `find_named` and `find_named_decoder`.
    """
    if isinstance(value, Own | Decoder):
        if setting == _DECODER:
            return as_decoder(value, value.name)
        return as_own(value, value.name)
    try:
        named = NamedCode.model_validate(pinned(value, setting))
    except ValidationError:
        raise SettingsError(
            f"{setting}={value!r}.",
            expected=f"a name, file.py:NAME, a dict with a name and options, or what "
            f"@shoal.{setting} makes",
            remedy=f"give such a {setting}, or leave it out",
        ) from None
    if setting == _DECODER:
        return find_named_decoder(named)
    return find_named(named)


def _recorded(named: NamedCode) -> Any:
    """What stands in the file of a reference, if the file has the recorded hash."""
    if named.sha256 is None:
        raise SettingsError(
            f"{named.name} comes without the hash of its file.",
            expected="a reference that was pinned",
            remedy="pass the settings through shoal.search or `shoal run`",
        )
    return references.find_recorded(named.name, named.sha256)


def offered_names(task: str) -> tuple[str, ...]:
    """The objectives that anybody may choose, also in a browser: built-in ones and plug-ins.

    Parameters
    ----------
    task
        "regression" or "classification".
    """
    from shoal.objectives.lookup import offered_objectives

    return (*offered_objectives(task), *references.plugins(references.OBJECTIVES))


def choose_objective(name: str) -> Own:
    """The objective of that name, for a form that others fill in: no path and no module.

    Raises
    ------
    ObjectiveError
        It is another name.
    ProblemError
        It is a plug-in that cannot be imported.
    """
    plugins = references.plugins(references.OBJECTIVES)
    if name in plugins:
        found, code = references.find(plugins[name])
        return as_own(found, code.reference)
    if references.is_reference(name) or ":" in name:
        raise ObjectiveError(
            f"{name!r} cannot be chosen here.",
            expected="the name of an objective, or of an installed plug-in",
            remedy="`shoal run TABLE --objective file.py:NAME` starts a search on code of your own",
        )

    from shoal.objectives.lookup import get_built_in

    return get_built_in(name)


def choose_decoder(name: str) -> Decoder:
    """The decoder of that name, for a form that others fill in; see `choose_objective`.

    Raises
    ------
    DecoderError
        It is another name.
    ProblemError
        It is a plug-in that cannot be imported.
    """
    plugins = references.plugins(references.DECODERS)
    if name in plugins:
        found, code = references.find(plugins[name])
        return as_decoder(found, code.reference)
    # A name of code is none of these, so nothing is imported.
    return get_decoder(name)


def with_columns(own: Subject, called: Mapping[str, str]) -> Subject:
    """The same, with columns that a table calls something else.

    Parameters
    ----------
    own
        What a name stands for: an objective, or something that is handed no columns.
    called
        See `TableObjective.columns_called`; empty for all else.

    Raises
    ------
    ObjectiveError
        It names no such column.
    """
    if not called:
        return own
    if isinstance(own, TableObjective) and isinstance(called, Mapping):
        return own.with_columns(called)  # type: ignore[return-value]
    raise ObjectiveError(
        f"columns={called!r} of {getattr(own, 'name', own)}.",
        expected="columns of an objective that says @shoal.objective(columns=...), by its names",
        remedy="leave them out",
    )


def call_columns(pinned_settings: Mapping[str, Any], called: Mapping[str, str]) -> dict[str, Any]:
    """Pinned settings whose objective and metric take columns that a table calls something else.

    Parameters
    ----------
    pinned_settings
        What `pin_settings` gave.
    called
        The table's name by the name that the objective or the metric has for it.

    Raises
    ------
    SettingsError
        Neither names such a column.
    """
    settings = dict(pinned_settings)
    known: list[str] = []
    for setting in ("objective", "metric"):
        named = settings.get(setting)
        if not isinstance(named, dict):
            continue
        try:
            own = find_named(NamedCode.model_validate(named))
        except ValidationError:
            # `SearchSettings.parse` says what is wrong with it.
            return settings
        names = getattr(own, "columns", ())
        known += names
        chosen = {name: column for name, column in called.items() if name in names}
        if chosen:
            settings[setting] = {**named, "columns": {**named.get("columns", {}), **chosen}}

    for name, column in called.items():
        if name not in known:
            either = "".join(f", or {column}={own}" for own in dict.fromkeys(known))
            raise SettingsError(
                f"role {column + '=' + name!r}.",
                expected=f"{column}=column, {column}=weight{either}",
                remedy="the name behind = is a role, or a column that the objective names",
            )
    return settings


def objectives_of(settings: SearchSettings) -> tuple[TableObjective, ...]:
    """The objective and the metric of these settings, where they see all rows at once.

    Raises
    ------
    ProblemError
        As `find_named`.
    """
    objectives = []
    for named in (settings.objective, settings.metric):
        if isinstance(named, NamedCode):
            own = find_named(named)
            if isinstance(own, TableObjective):
                objectives.append(own)
    return tuple(objectives)


def data_options_of(settings: SearchSettings) -> dict[str, str]:
    """The options that a table has to be prepared with for these settings, by name.

    Raises
    ------
    ProblemError
        As `find_named_decoder`.
    """
    if settings.decoder is None:
        return {}
    return dict(find_named_decoder(settings.decoder).data_options)


def as_own(found: Any, reference: str) -> Own:
    """What was found under a reference, if it is an objective or a loss of a row."""
    if isinstance(found, Own):
        return found
    raise ObjectiveError(
        f"{reference} is a {type(found).__name__}, not an objective.",
        expected="a function under @shoal.objective(...) or @shoal.row_loss(...)",
        remedy="write that line above the function",
    )


def as_decoder(found: Any, reference: str) -> Decoder:
    """What was found under a reference, if it is a decoder."""
    if isinstance(found, Decoder):
        return found
    raise DecoderError(
        f"{reference} is a {type(found).__name__}, not a decoder.",
        expected="a function under @shoal.decoder",
        remedy="write that line above the function",
    )


def recorded_codes(named: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a run records of the files that its settings name: reference, hash and text of each.

    Parameters
    ----------
    named
        Values of settings, by the setting's name.

    Raises
    ------
    CodeChangedError
        A file is missing, or does not have the hash.
    """
    codes: dict[str, dict[str, Any]] = {}
    for setting, own in named.items():
        if not isinstance(own, NamedCode) or own.sha256 is None:
            continue

        place, _, _ = own.name.rpartition(":")
        if place not in codes:
            codes[place] = {
                "settings": [],
                "reference": own.name,
                "sha256": own.sha256,
                "code": references.recorded_text(own.name, own.sha256),
            }
        codes[place]["settings"].append(setting)
    return list(codes.values())
