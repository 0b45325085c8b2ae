"""What a visitor has chosen for a run that is not started yet.

The draft lives in Streamlit's session state, under keys that begin with "new-". It survives errors
and visits to other pages.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from shoal.dashboard.session.bounds_editor import LATER, beyond, usual_choices, widened
from shoal.dashboard.session.installed_code import (
    GROUPS,
    installed_problem,
    plugin_name,
    problem_plugins,
    refuse_files,
)
from shoal.dashboard.session.queries import store
from shoal.data import BUNDLED, CanonicalTable, DataOptions, read_table
from shoal.data.column_profile import ColumnFacts, column_facts
from shoal.data.diagnostics import Checked, check_table
from shoal.data.file_encoding import parse_file_encoding
from shoal.data.upload import table_from_upload
from shoal.errors import DataError, ProblemError, SettingsError, ShoalError
from shoal.functions.definition import FunctionProblem
from shoal.functions.registry import BUNDLED as BUNDLED_FUNCTIONS
from shoal.functions.registry import get_function
from shoal.objectives.built_in_decoders import find_decoder
from shoal.problems import references
from shoal.problems.registry import is_function, usual_settings
from shoal.settings.named_code import NamedCode
from shoal.settings.presets import DEFAULT_PRESET
from shoal.settings.search_settings import SearchSettings
from shoal.simulations.definition import Simulation
from shoal.simulations.registry import BUNDLED as BUNDLED_SIMULATIONS
from shoal.simulations.registry import get_simulation
from shoal.store import RunView

if TYPE_CHECKING:
    from shoal.problems.registry import Written

# What is solved.
TABLE = "A table"
SIMULATION = "A simulation"
FUNCTION = "A function"
PLUGIN = "A plug-in"

# Where the table comes from.
BUNDLED_TABLE = "Bundled: concrete"
UPLOAD = "Upload a file"
FROM_RUN = "From a run"

# Settings that the form has a field for, by the names of `SearchSettings`.
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
SHOWN = (
    *NUMBERS,
    "preset",
    "bounds",
    "choices",
    "extra_genes",
    "max_depth",
    "max_width",
    "metric",
    "objective",
    "decoder",
    "start_from",
)

# The presets of what is no table. They have ranges of their own.
PRESETS_OF_CODE = {SIMULATION: "simulation", FUNCTION: "function"}

# Which rows stay in one part of the data.
SAME_NO = "as they come"
SAME_ALL = "equal in all features"
SAME_SOME = "equal in some columns"

# Data options that the form has a field for.
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
    "columns",
    "weight",
    "encoding",
    "drop",
    "order",
    "file_encoding",
)

# The choices that name columns, as they are for a table that nothing was chosen for.
_USUAL_COLUMN_CHOICES: dict[str, Any] = {
    "task": "",
    "more_targets": [],
    "order": "",
    "group": "",
    "kept": SAME_NO,
    "same": [],
    "leave": [],
    "columns": [],
    "weight": "",
    "folds": None,
    "logs": "auto",
    "encoding": "",
    "test_fraction": 0.3,
    "data_seed": 42,
}


@dataclass(frozen=True, eq=False)
class Table:
    """A table to learn from.

    Attributes
    ----------
    token
        Names the table in caches.
    name
        What people call it.
    source
        The table itself.
    facts
        What is known of each column.
    target
        The column that is likely to be predicted; None when nothing suggests one.
    file_encoding
        The text encoding that its file was said to have; None where nobody said one.
    """

    token: str
    name: str
    source: CanonicalTable
    facts: tuple[ColumnFacts, ...]
    target: str | None = None
    file_encoding: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Upload:
    """An uploaded file, which is kept to be read in another encoding.

    Attributes
    ----------
    token
        Names the file in caches.
    name
        The file's name.
    content
        Its bytes.
    """

    token: str
    name: str
    content: bytes


@dataclass(frozen=True)
class CarriedOver:
    """What a duplicated run has that the form does not show.

    Attributes
    ----------
    run_id
        The run that was duplicated; None when none was.
    settings
        Settings that differ from the preset's defaults.
    data_options
        Options of the data.
    """

    run_id: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    data_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Usual:
    """Settings that a run has where a visitor gives no others.

    Attributes
    ----------
    owner
        Whose they are. The draft keeps under this name what a visitor gives instead.
    settings
        By name.
    """

    owner: str
    settings: dict[str, Any]

    @classmethod
    def of(cls, preset: str, code: Written | None = None) -> Usual:
        """Those of a preset, or of a simulation or function with that preset."""
        if code is None:
            return cls(preset, {"preset": preset})
        return cls(f"{preset}-{code.name}", usual_settings(code))


def key(name: str) -> str:
    """The key of a choice in the session's state, which is also its widget's key."""
    return f"new-{name}"


def option_key(owner: str, option: str) -> str:
    """The key of an option of a simulation or an objective."""
    return key(f"option-{owner}-{option}")


def preset_key(preset: str, name: str) -> str:
    """The key of a choice whose default depends on the preset."""
    return key(f"{preset}-{name}")


def state(name: str, default: Any = None) -> Any:
    """A choice of the draft."""
    return st.session_state.get(key(name), default)


def put(**choices: Any) -> None:
    """Make choices, before their widgets are drawn."""
    for name, value in choices.items():
        st.session_state[key(name)] = value


def begin() -> None:
    """Begin a draft of its own: its start is one run, however often the button is pressed."""
    put(key=uuid.uuid4().hex, version=state("version", 0) + 1)
    if st.session_state.pop(key("started"), False):
        put(name="")

    # Widgets that are drawn anew show a value only if it is set anew. The table editor and the
    # upload refuse to be set.
    refusing = (key("editor-"), key("upload-"))
    for name, value in st.session_state.items():
        if str(name).startswith(key("")) and not str(name).startswith(refusing):
            st.session_state[name] = value


def copy_run(run: RunView, widen: str | None) -> None:
    """Fill the draft with all of a run: its table, data options and settings.

    Parameters
    ----------
    run
        The run to duplicate.
    widen
        Bounds to move to their limits, see `widened`.

    Raises
    ------
    ProblemError
        For code in a file, and for a file: a browser starts from none.
    SettingsError
        When ``widen`` names no bound.
    """
    settings = run.settings
    refuse_files(settings)
    preset = settings.preset
    name = "" if run.name == run.dataset else run.name
    code = None
    if run.is_table:
        put(what=TABLE, kind=FROM_RUN, table=run.id, preset=preset)
    else:
        code = _copy_code(run)
    usual = Usual.of(preset, code)
    _copy_objectives(run)
    put(
        filled=run.id,
        version=state("version", 0) + 1,
        name=name,
        bounds_for=preset,
    )

    for setting in NUMBERS:
        st.session_state[preset_key(usual.owner, setting)] = getattr(settings, setting)
    for setting in ("max_depth", "max_width"):
        st.session_state[preset_key(preset, setting)] = getattr(settings, setting)

    allowed = dict(settings.space.categorical)
    for gene, values in usual_choices(preset).items():
        # A gene that the run did not search keeps its first choice, which is neutral.
        choices = allowed.get(gene, values[:1])
        st.session_state[preset_key(preset, gene)] = list(choices)

    later = [gene.name for gene in settings.space.numeric if gene.name in LATER]
    put(bounds=dict(settings.bounds), also=later)

    hidden_options = {
        name: value for name, value in run.data_options.items() if name not in _DATA_SHOWN
    }
    if run.is_table:
        put(wanted=_column_choices(run), chosen_for=None)
    hidden_settings = beyond(settings, SHOWN, usual.settings)
    put(carried=(usual.owner, CarriedOver(run.id, hidden_settings, hidden_options)))
    if widen:
        put(bounds=widened(widen, settings.bounds))


def _copy_objectives(run: RunView) -> None:
    """Fill the draft with what the swarms of a run optimised, and what it selected on."""
    settings = run.settings
    for setting, group in GROUPS.items():
        named = getattr(settings, setting)
        if isinstance(named, NamedCode):
            name = plugin_name(group, named.name) or named.name
            for option, value in named.options.items():
                st.session_state[option_key(name, option)] = value
            named = name
        put(**{setting: named})
    put(
        metric_for=state("objective") or "",
        decoder=state("decoder") or "",
        decoder_for=state("decoder") or "",
        start_from=settings.start_from.source if settings.start_from is not None else "",
    )


def _copy_code(run: RunView) -> Written:
    """Fill the draft with the simulation or the function of a run and its options; return it.

    Raises
    ------
    ProblemError
        For one that neither comes with Shoal nor is an installed plug-in: a browser starts none of
        those.
    """
    record = run.problem or {}
    name = record.get("reference", run.dataset)
    plugin = plugin_name(references.PROBLEMS, name)
    code: Written
    if name in BUNDLED_SIMULATIONS:
        put(what=SIMULATION, simulation=name)
        code = bundled_simulation(name)
    elif name in BUNDLED_FUNCTIONS:
        put(what=FUNCTION, function=name)
        code = bundled_function(name)
    elif plugin in problem_plugins():
        put(what=PLUGIN, plugin=plugin)
        name = plugin
        code = installed_problem(name)
    else:
        raise ProblemError(
            f"Run {run.id} solves the {run.kind} {name}.",
            expected="a table, an installed plug-in, or one of "
            + ", ".join((*BUNDLED_SIMULATIONS, *BUNDLED_FUNCTIONS)),
            remedy="start it on the command line, with `shoal run`",
        )
    for option, value in record["options"].items():
        st.session_state[option_key(name, option)] = value
    return code


def bundled_simulation(name: str) -> Simulation:
    """A simulation that comes with Shoal.

    Raises
    ------
    ProblemError
        For any other name. A browser may choose names, never paths or code.
    """
    if name not in BUNDLED_SIMULATIONS:
        raise ProblemError(
            f"The simulation {name!r} does not come with Shoal.",
            expected="one of " + ", ".join(BUNDLED_SIMULATIONS),
            remedy="start others on the command line, with `shoal run`",
        )
    return get_simulation(name)


def bundled_function(name: str) -> FunctionProblem:
    """A function that comes with Shoal. Raises `ProblemError` for any other name."""
    if name not in BUNDLED_FUNCTIONS:
        raise ProblemError(
            f"The function {name!r} does not come with Shoal.",
            expected="one of " + ", ".join(BUNDLED_FUNCTIONS),
            remedy="start others on the command line, with `shoal run`",
        )
    return get_function(name)


def preset_of_code(what: str, code: Written | ShoalError) -> str:
    """The preset of what is no table; that of simulations where nobody knows what it is."""
    if what == FUNCTION or is_function(code):
        return PRESETS_OF_CODE[FUNCTION]
    return PRESETS_OF_CODE[SIMULATION]


def adapt_bounds(preset: str) -> None:
    """Begin the bounds of the genes anew when their preset has ranges of its own."""
    before = state("bounds_for", DEFAULT_PRESET)
    put(bounds_for=preset)
    has_own_ranges = {before, preset} & set(PRESETS_OF_CODE.values())
    if not has_own_ranges or before == preset:
        return
    usual = SearchSettings.parse({"preset": preset})
    put(bounds=dict(usual.bounds), version=state("version", 0) + 1)


def _column_choices(run: RunView) -> dict[str, Any]:
    """The choices that name columns of a run's table, as the draft has them."""
    options = run.data_options
    same = options.get("same", ())
    if same == "all":
        kept = SAME_ALL
        columns = []
    elif same:
        kept = SAME_SOME
        columns = list(same)
    else:
        kept = SAME_NO
        columns = []

    folds = None
    if run.settings.preset == "modern":
        folds = options.get("folds", 1)

    targets = DataOptions.from_dict(options).targets
    return {
        "target": targets[0],
        "more_targets": list(targets[1:]),
        "task": options.get("task") or "",
        "leave": list(options.get("drop", ())),
        "order": options.get("order") or "",
        "group": options.get("group") or "",
        "kept": kept,
        "same": columns,
        "columns": list(options.get("columns", ())),
        "weight": options.get("weight") or "",
        "folds": folds,
        "logs": options.get("log_columns", "none"),
        "encoding": _encoding(run),
        "test_fraction": float(options.get("test_fraction", 0.3)),
        "data_seed": options.get("seed", 42),
    }


def _encoding(run: RunView) -> str:
    """The encoding of a run's table; empty where it is that of its decoder."""
    encoding: str = run.data_options.get("encoding", "values")
    decoder = run.settings.decoder
    if encoding == usual_encoding("" if decoder is None else decoder.name):
        return ""
    return encoding


def usual_encoding(decoder: str) -> str:
    """How a table is encoded where nobody says how, with the decoder of this name."""
    known = find_decoder(decoder)
    if known is None:
        return "values"
    return known.data_options.get("encoding", "values")


def carried_over(owner: str) -> CarriedOver:
    """What the duplicated run has beyond the form; nothing when something else is solved now.

    ``owner`` is that of `Usual`: the preset of a table.
    """
    carried = state("carried")
    if carried is None:
        return CarriedOver()
    its_owner, beyond_form = carried
    if its_owner != owner:
        return CarriedOver()
    return cast("CarriedOver", beyond_form)


def adapt_to(table: Table) -> None:
    """Begin the choices that name columns anew when the table is another one.

    A run that was duplicated has its own choices; other tables begin with the defaults.
    """
    if state("chosen_for") == table.token:
        return
    wanted = st.session_state.pop(key("wanted"), None) or {}
    put(**{**_USUAL_COLUMN_CHOICES, **wanted}, chosen_for=table.token)

    columns = [fact.name for fact in table.facts]
    target = wanted.get("target", table.target)
    if target not in columns:
        target = columns[-1]
    put(target=target)


def leave_out(columns: tuple[str, ...]) -> None:
    """Answer to a finding: these columns are not used."""
    left_out = list(state("leave", []))
    left_out += (column for column in columns if column not in left_out)
    put(leave=left_out)


def keep_together() -> None:
    """Answer to a finding: rows that are equal in all features stay in one part."""
    put(kept=SAME_ALL)


def put_in_order(column: str) -> None:
    """Answer to a finding: rows are split in the order of this column."""
    put(order=column)


def read_in(encoding: str) -> None:
    """Answer to a finding: the uploaded file is read in this encoding."""
    put(file_encoding=encoding)


def take_upload(file: Any) -> None:
    """Take an uploaded file, and empty the field.

    The file belongs to the draft, whatever the browser does with the field.
    """
    upload = Upload(file.file_id, file.name, file.getvalue())
    put(upload=upload, uploads=state("uploads", 0) + 1)


def remove_upload() -> None:
    """Forget the uploaded file, and what it was read in."""
    put(upload=None, uploaded=None, file_encoding="")


def uploaded() -> Table | DataError | None:
    """The table of the uploaded file, or why there is none; None before an upload.

    It is read once for each encoding that is named.
    """
    upload: Upload | None = state("upload")
    if upload is None:
        return None
    encoding = (state("file_encoding") or "").strip()
    how = (upload.token, encoding)
    if state("uploaded_as") != how:
        with st.spinner("Reading the table …"):
            put(uploaded=_read(upload, encoding or None), uploaded_as=how)
    return cast("Table | DataError | None", state("uploaded"))


def _read(upload: Upload, encoding: str | None) -> Table | DataError:
    try:
        source = table_from_upload(upload.name, upload.content, encoding)
        known = parse_file_encoding(encoding)
    except (DataError, SettingsError) as error:
        return DataError(error.problem, expected=error.expected, remedy=error.remedy)
    name = upload.name.rpartition(".")[0] or upload.name
    token = f"{upload.token} {known}"
    return Table(token, name, source, column_facts(source), file_encoding=known)


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def bundled(name: str) -> Table:
    """A table that comes with Shoal."""
    label, source = read_table(name)
    return Table(f"bundled {name}", label, source, column_facts(source), BUNDLED[name])


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def stored(run_id: int) -> Table:
    """The table of a run.

    Raises
    ------
    ShoalError
        When there is no such run, or its table cannot be read.
    """
    run = store().run(run_id)
    source = store().canonical_table(run_id)
    target = DataOptions.from_dict(run.data_options).targets[0]
    encoding = run.data_options.get("file_encoding")
    return Table(f"run {run_id}", run.dataset, source, column_facts(source), target, encoding)


@st.cache_resource(max_entries=6, show_spinner="Checking the table …")
def checked(
    _table: Table,
    token: str,
    target: str | tuple[str, ...],
    preset: Any,
    options: tuple[tuple[str, Any], ...],
) -> Checked:
    """The findings about a table, and the data prepared.

    Computed once for a table and the same choices. ``token`` is the table's part of the cache's
    key, since Streamlit leaves out arguments that begin with an underscore.
    """
    del token
    return check_table(_table.name, _table.source, target, preset, _table.facts, **dict(options))


def prepared(checks: Checked | None) -> Checked:
    """The checks, when a search can start on the data.

    Raises
    ------
    DataError
        When there is no table, or a search would refuse it.
    """
    if checks is None:
        raise DataError(
            "There is no table yet.",
            expected="a file that can be read",
            remedy="upload one, or use the bundled data",
        )
    if checks.bad:
        first = checks.findings[0]
        raise DataError(first.what, remedy=first.remedy)
    return checks


def fill_from_address(like: str | None, widen: str | None) -> ShoalError | None:
    """Copy the run that the address names, once a visit; return what went wrong, if anything."""
    try:
        if like is not None:
            copy_run(store().run(like), widen)
        elif widen:
            put(bounds=widened(widen, state("bounds", {})))
    except ShoalError as error:
        return error
    return None
