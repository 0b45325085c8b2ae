"""What a person has chosen for a run that is not started yet. It survives errors and visits to other pages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import streamlit as st

from shoal.dashboard.session.bounds_editor import LATER, beyond, usual_choices, widened
from shoal.dashboard.session.queries import store
from shoal.data import BUNDLED, CanonicalTable, read_table, table_from_bytes
from shoal.data.column_profile import ColumnFacts, column_facts
from shoal.data.diagnostics import Checked, check_table
from shoal.errors import DataError, ShoalError
from shoal.genome.genes import CATEGORICAL_GENES
from shoal.store import RunView

BUNDLED_TABLE, UPLOAD, FROM_RUN = "Bundled: concrete", "Upload a file", "From a run"
NUMBERS = (
    "generations",
    "population",
    "iterations",
    "repeats",
    "seed",
    "max_seconds",
    "sampler",
    "workers",
)
SHOWN = (*NUMBERS, "preset", "bounds", "choices", "extra_genes", "max_depth", "max_width")
SAME_NO, SAME_ALL, SAME_SOME = "as they come", "equal in all features", "equal in some columns"
_DATA_SHOWN = (
    "target",
    "preset",
    "task",
    "group",
    "test_fraction",
    "seed",
    "same",
    "folds",
    "log_columns",
)


@dataclass(frozen=True, eq=False)
class Table:
    """A canonical table to learn from. ``token`` names it for caches; ``target``: what is likely to be predicted."""

    token: str
    name: str
    source: CanonicalTable
    facts: tuple[ColumnFacts, ...]
    target: str | None = None


def key(name: str) -> str:
    """The widget's key in the session's state."""
    return f"new-{name}"


def state(name: str, default: Any = None) -> Any:
    """A choice of the draft."""
    return st.session_state.get(key(name), default)


def put(**choices: Any) -> None:
    """Make choices, before their widgets are drawn."""
    st.session_state.update(
        {key(name.replace("_of_", "-of-")): value for name, value in choices.items()}
    )


def begin() -> None:
    """A draft of its own: the next start is another run, however often it is pressed."""
    put(key=uuid.uuid4().hex, version=state("version", 0) + 1)
    if st.session_state.pop(key("started"), False):
        put(name="")
    for name, value in st.session_state.items():
        if str(name).startswith(key("")) and not str(name).startswith(
            (key("editor-"), key("upload-"))
        ):
            st.session_state[name] = value  # said anew, so that fields that are drawn anew show it


def of_preset(preset: str, name: str) -> str:
    """The key of a choice whose default depends on the preset."""
    return key(f"{preset}-{name}")


def fill(run: RunView, widen: str | None) -> None:
    """All of a run: its table, data options and settings. Raises `SettingsError` for a ``widen`` that names no bound."""
    settings, options, preset = run.settings, run.data_options, run.settings.preset
    put(kind=FROM_RUN, table=run.id, preset=preset, filled=run.id, version=state("version", 0) + 1)
    put(name="" if run.name == run.dataset else run.name)
    for name in (*NUMBERS, "max_depth", "max_width"):
        st.session_state[of_preset(preset, name)] = getattr(settings, name)
    usual, allowed = usual_choices(preset), dict(settings.space.categorical)
    for name in CATEGORICAL_GENES:
        st.session_state[of_preset(preset, name)] = list(allowed.get(name, usual[name][:1]))
    put(
        bounds=dict(settings.bounds),
        also=[g.name for g in settings.space.numeric if g.name in LATER],
    )
    same = options.get("same", ())
    put(
        wanted={
            "target": options["target"],
            "task": options.get("task") or "",
            "group": options.get("group") or "",
            "kept": SAME_ALL if same == "all" else SAME_SOME if same else SAME_NO,
            "same": [] if same == "all" else list(same),
            "folds": options.get("folds", 1) if preset == "modern" else None,
            "logs": options.get("log_columns", "none"),
            "test_fraction": float(options.get("test_fraction", 0.3)),
            "data_seed": options.get("seed", 42),
        },
        chosen_for=None,
        carried=(
            run.id,
            preset,
            beyond(settings, SHOWN),
            {name: value for name, value in options.items() if name not in _DATA_SHOWN},
        ),
    )
    if widen:
        put(bounds=widened(widen, settings.bounds))


def carried(preset: str) -> tuple[int | None, dict[str, Any], dict[str, Any]]:
    """The run that was duplicated, and what of its settings and data options the form does not show."""
    found = state("carried")
    return (found[0], found[2], found[3]) if found and found[1] == preset else (None, {}, {})


def suit(table: Table) -> None:
    """Choices that name columns begin anew with another table: with what was asked for it, or with its own defaults."""
    if state("chosen_for") == table.token:
        return
    wanted, columns = (
        st.session_state.pop(key("wanted"), None) or {},
        [fact.name for fact in table.facts],
    )
    target = wanted.get("target", table.target)
    usual: dict[str, Any] = {
        "task": "",
        "group": "",
        "kept": SAME_NO,
        "same": [],
        "leave": [],
        "folds": None,
        "logs": "auto",
        "test_fraction": 0.3,
        "data_seed": 42,
    }
    put(**{**usual, **wanted}, chosen_for=table.token)
    put(target=target if target in columns else columns[-1])


def leave_out(columns: tuple[str, ...]) -> None:
    """Answer to a finding: these columns are not used."""
    put(leave=[*state("leave", []), *(c for c in columns if c not in state("leave", []))])


def keep_together() -> None:
    """Answer to a finding: rows that are equal in all features stay in one part."""
    put(kept=SAME_ALL)


def take(file: Any) -> None:
    """Read an uploaded file, once, and have the field empty again: what was read is the draft's, whatever the browser does."""
    try:
        source = table_from_bytes(file.name, file.getvalue())
        name = file.name.rpartition(".")[0] or file.name
        found: Table | DataError = Table(file.file_id, name, source, column_facts(source))
    except DataError as error:
        found = error
    put(uploaded=found, uploads=state("uploads", 0) + 1)


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def bundled(name: str) -> Table:
    """A table that comes with Shoal."""
    label, source = read_table(name)
    return Table(f"bundled {name}", label, source, column_facts(source), BUNDLED[name])


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def stored(run_id: int) -> Table:
    """The table of a run. Raises `ShoalError`."""
    run, source = store().run(run_id), store().canonical_table(run_id)
    return Table(
        f"run {run_id}", run.dataset, source, column_facts(source), run.data_options["target"]
    )


@st.cache_resource(max_entries=6, show_spinner="Checking the table …")
def checked(
    _table: Table,
    token: str,
    leave: tuple[str, ...],
    target: str,
    preset: Any,
    options: tuple[tuple[str, Any], ...],
) -> Checked:
    """The findings, and the data prepared; computed once for a table and the same choices."""
    del token  # the cache's key, for the table
    source = _table.source.without(leave)
    return check_table(_table.name, source, target, preset, _table.facts, **dict(options))


def prepared(found: Checked | None) -> Checked:
    """What can be started on. Raises `DataError` where there is nothing, or something that a search refuses."""
    if found is None:
        remedy = "upload one, or use the bundled data"
        raise DataError("There is no table yet.", expected="a file that can be read", remedy=remedy)
    if found.bad:
        first = found.findings[0]
        raise DataError(first.what, remedy=first.remedy)
    return found


def fill_from_address(like: str | None, widen: str | None) -> ShoalError | None:
    """Take over the run that the address names, once a visit; what went wrong."""
    try:
        if like is not None:
            fill(store().run(like), widen)
        elif widen:
            put(bounds=widened(widen, state("bounds", {})))
    except ShoalError as error:
        return error
    return None
